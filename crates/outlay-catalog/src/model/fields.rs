//! Fields of a config, read by name; every fault is gathered, none stops the reading.

use std::cell::RefCell;

use outlay_core::model::ActivationKind;
use serde_json::Value;

use super::error::ReadError;

/// Largest width, count or table that a model can have; keeps every product within 64 bits.
const MOST: u64 = 1 << 26;

/// A config being read.
pub(super) struct Fields<'a> {
    value: &'a Value,
    errors: RefCell<Vec<ReadError>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self { value, errors: RefCell::default() }
    }

    pub(super) fn fault(&self, error: ReadError) {
        let mut errors = self.errors.borrow_mut();
        if !errors.contains(&error) {
            errors.push(error);
        }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn done<T>(&self, read: T) -> Result<T, Vec<ReadError>> {
        let errors = self.errors.take();
        if errors.is_empty() { Ok(read) } else { Err(errors) }
    }

    fn get(&self, names: &[&str]) -> Option<(&'a Value, String)> {
        names.iter().find_map(|name| {
            let value = self.value.get(name).filter(|value| !value.is_null())?;
            Some((value, (*name).to_owned()))
        })
    }

    /// A count above zero under one of its names; absent is a fault, and 1 stands in.
    pub(super) fn count(&self, names: &[&str]) -> u64 {
        self.maybe(names).unwrap_or_else(|| {
            if self.get(names).is_none() {
                self.fault(ReadError::Missing(names[0].into()));
            }
            1
        })
    }

    /// A count above zero, or what the reference implementation takes.
    pub(super) fn count_or(&self, names: &[&str], default: u64) -> u64 {
        self.maybe(names).unwrap_or(default)
    }

    /// A count above zero, if it is there.
    pub(super) fn maybe(&self, names: &[&str]) -> Option<u64> {
        let (value, name) = self.get(names)?;
        match value.as_u64() {
            Some(count @ 1..=MOST) => Some(count),
            _ => {
                let rule = format!("a whole number from 1 to {MOST}");
                self.fault(ReadError::Invalid(name, shown(value), rule));
                None
            }
        }
    }

    /// A count that may be zero, or the default.
    pub(super) fn natural_or(&self, names: &[&str], default: u64) -> u64 {
        match self.get(names) {
            None => default,
            Some((value, _)) if value.as_u64() == Some(0) => 0,
            Some(_) => self.count_or(names, default),
        }
    }

    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        match self.get(&[name]) {
            None => default,
            Some((Value::Bool(flag), _)) => *flag,
            Some((value, name)) => {
                self.fault(ReadError::Invalid(name, shown(value), "true or false".into()));
                default
            }
        }
    }

    /// A share from 0 to 1, or the default.
    pub(super) fn share_or(&self, names: &[&str], default: f64) -> f64 {
        match self.get(names) {
            None => default,
            Some((value, name)) => match value.as_f64() {
                Some(share) if (0.0..=1.0).contains(&share) => share,
                _ => {
                    self.fault(ReadError::Invalid(name, shown(value), "a share from 0 to 1".into()));
                    default
                }
            },
        }
    }

    pub(super) fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.get(names)?.0.as_str()
    }

    pub(super) fn list(&self, name: &str) -> Option<&'a Vec<Value>> {
        self.get(&[name])?.0.as_array()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(&[name]).is_some()
    }

    /// The non-linear function, or the family's.
    pub(super) fn activation_or(&self, names: &[&str], default: ActivationKind) -> ActivationKind {
        self.text(names).map_or(default, |name| {
            activation(name).unwrap_or_else(|| {
                let rule = "silu, gelu, gelu_new, gelu_pytorch_tanh, relu, relu2 or tanh".into();
                self.fault(ReadError::Invalid(names[0].into(), format!("\"{name}\""), rule));
                default
            })
        })
    }

    /// Experts that a token passes through: no more than there are.
    pub(super) fn chosen(&self, names: &[&str], routed: u64) -> u64 {
        let top_k = self.count(names);
        if top_k > routed {
            let rule = format!("no more than the {routed} experts");
            self.fault(ReadError::Invalid(names[0].into(), top_k.to_string(), rule));
        }
        top_k
    }

    /// `whole` must be divisible.
    pub(super) fn divides(&self, name: &str, part: u64, whole_name: &str, whole: u64) {
        if !whole.is_multiple_of(part.max(1)) {
            let rule = format!("it must divide {whole_name} = {whole}");
            self.fault(ReadError::Invalid(name.into(), part.to_string(), rule));
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 40 { format!("{}…", text.chars().take(40).collect::<String>()) } else { text }
}

/// A non-linear function by its name in configs.
pub(super) fn activation(name: &str) -> Option<ActivationKind> {
    Some(match name {
        "relu" => ActivationKind::Relu,
        "relu2" | "relu_squared" => ActivationKind::Relu2,
        "gelu" | "gelu_python" => ActivationKind::Gelu,
        // xIELU too is written out in element-wise operators.
        "gelu_new" | "gelu_fast" | "xielu" => ActivationKind::GeluNew,
        "gelu_pytorch_tanh" | "gelu_tanh" => ActivationKind::GeluTanh,
        "silu" | "swish" | "swiglu" => ActivationKind::Silu,
        "tanh" => ActivationKind::Tanh,
        _ => return None,
    })
}
