//! Defaults and the notes that say which were used.

use std::sync::LazyLock;

/// A default that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assumption {
    /// The key the user could have set.
    pub(crate) key: String,
    /// What was assumed.
    pub(crate) value: String,
    /// Why that.
    pub(crate) reason: String,
}

/// What is said along with an answer.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) assumptions: Vec<Assumption>,
    pub(crate) warnings: Vec<String>,
}

static TABLE: LazyLock<toml::Table> =
    LazyLock::new(|| include_str!("../defaults.toml").parse().unwrap_or_else(|e| panic!("defaults.toml: {e}")));

fn entry(default: &str) -> (&'static toml::Value, &'static str) {
    let row = &TABLE[default];
    (&row["value"], row["reason"].as_str().unwrap_or_default())
}

impl Notes {
    pub(crate) fn assume(&mut self, key: &str, value: impl ToString, reason: &str) {
        self.assumptions.push(Assumption { key: key.into(), value: value.to_string(), reason: reason.into() });
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// A figure of the world, not of the request: used without a note of its own.
    pub(crate) fn number(&mut self, default: &str) -> f64 {
        let (value, _) = entry(default);
        value.as_float().or_else(|| value.as_integer().map(|n| n as f64)).unwrap_or_default()
    }

    /// The user's count, or the default, noted.
    pub(crate) fn count_or(&mut self, key: &str, given: Option<u64>, default: &str) -> u64 {
        given.unwrap_or_else(|| {
            let value = self.number(default) as u64;
            self.assume(key, value, entry(default).1);
            value
        })
    }

    /// The user's text, or the default, noted.
    pub(crate) fn text_or(&mut self, key: &str, given: Option<&str>, default: &str) -> String {
        given.map_or_else(
            || {
                let value = entry(default).0.as_str().unwrap_or_default().to_owned();
                self.assume(key, &value, entry(default).1);
                value
            },
            str::to_owned,
        )
    }

    /// The reason of a default.
    pub(crate) fn reason(default: &str) -> &'static str {
        entry(default).1
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_default_has_a_value_and_a_reason() {
        for (name, row) in super::TABLE.iter() {
            assert!(row.get("value").is_some() && row["reason"].as_str().is_some_and(|r| r.len() > 5), "{name}");
        }
    }
}
