//! Amounts as people write them: `"12M"`, `"$500"`, `"48h"`, `"40 GB"`.
//!
//! A suffix or unit may stand with or without a space; `_` and `,` may group digits. A plain number is in the unit its
//! key says. What is not finite, not positive or absurd is refused with the rule.

use crate::problem::{Code, Problem};
use crate::request::Amount;

/// What a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Tokens, samples: `12M`, `1.5B`, `2T`.
    Count,
    /// Dollars: `$500`, `500 USD`, `10k`.
    Usd,
    /// Time, in seconds; a plain number is in hours: `90s`, `30m`, `48h`, `3d`, `2w`.
    Time,
    /// Memory or data, in bytes: `40 GB`, `40 GiB`.
    Size,
}

impl Unit {
    const fn examples(self) -> &'static str {
        match self {
            Self::Count => "write for example 12000000, \"12M\", \"1.5B\" or \"2T\"",
            Self::Usd => "write for example 500, \"$500\" or \"$10k\"",
            Self::Time => "write for example \"90m\", \"48h\" or \"3d\"; a plain number counts hours",
            Self::Size => "write for example \"40 GB\" or \"40 GiB\"",
        }
    }

    /// Largest value that makes sense.
    const fn most(self) -> f64 {
        match self {
            Self::Count => 1e16,
            Self::Usd => 1e12,
            Self::Time => 100.0 * 365.0 * 86_400.0,
            Self::Size => 1e18,
        }
    }

    fn factor(self, suffix: &str) -> Option<f64> {
        let suffix = suffix.trim();
        let lower = suffix.to_lowercase();
        Some(match self {
            Self::Count | Self::Usd => match lower.as_str() {
                "" | "usd" => 1.0,
                "k" => 1e3,
                "m" => 1e6,
                "b" | "g" => 1e9,
                "t" => 1e12,
                _ => return None,
            },
            Self::Time => match lower.as_str() {
                "s" | "sec" => 1.0,
                "m" | "min" | "minutes" => 60.0,
                "" | "h" | "hours" | "hour" => 3600.0,
                "d" | "day" | "days" => 86_400.0,
                "w" | "week" | "weeks" => 604_800.0,
                _ => return None,
            },
            Self::Size => match lower.as_str() {
                "" | "b" => 1.0,
                "kb" => 1e3,
                "mb" => 1e6,
                "gb" => 1e9,
                "tb" => 1e12,
                "pb" => 1e15,
                "kib" => 1024.0,
                "mib" => 1_048_576.0,
                "gib" => 1_073_741_824.0,
                "tib" => 1_099_511_627_776.0,
                _ => return None,
            },
        })
    }
}

/// Reads an amount; in the unit's base (count, dollars, seconds, bytes).
pub(crate) fn read(amount: &Amount, unit: Unit, at: &str) -> Result<f64, Problem> {
    let shown = match amount {
        Amount::Number(number) => number.to_string(),
        Amount::Text(text) => format!("\"{text}\""),
    };
    let bad = |why: &str| Problem::new(Code::BadAmount, at, format!("{shown} {why}")).help(unit.examples());
    let value = match amount {
        Amount::Number(number) => *number * if unit == Unit::Time { 3600.0 } else { 1.0 },
        Amount::Text(text) => {
            let bare: String =
                text.trim().trim_start_matches('$').chars().filter(|c| !matches!(c, '_' | ',')).collect();
            // `1e9` is a number, `1e` is not: the longest beginning that reads as one.
            let ends = (1..=bare.len()).rev().filter(|end| bare.is_char_boundary(*end));
            let split = ends.filter(|end| !bare[..*end].ends_with(char::is_alphabetic)).find_map(|end| {
                let number: f64 = bare[..end].trim().parse().ok()?;
                Some((number, &bare[end..]))
            });
            let (number, suffix) = split.ok_or_else(|| bad("is not an amount"))?;
            number * unit.factor(suffix).ok_or_else(|| bad(&format!("has no known unit `{}`", suffix.trim())))?
        }
    };
    if !value.is_finite() || value <= 0.0 {
        return Err(Problem::new(Code::OutOfRange, at, format!("{shown} is not above zero")).help(unit.examples()));
    }
    if value > unit.most() {
        let rule = format!("{shown} is more than anybody can mean");
        return Err(Problem::new(Code::OutOfRange, at, rule).help(unit.examples()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, unit: Unit) -> Option<f64> {
        read(&Amount::Text(text.into()), unit, "x").ok()
    }

    #[test]
    fn people_s_amounts() {
        assert_eq!(of("12M", Unit::Count), Some(12e6));
        assert_eq!(of("1.5 B", Unit::Count), Some(1.5e9));
        assert_eq!(of("6e9", Unit::Count), Some(6e9));
        assert_eq!(of("1_000", Unit::Count), Some(1000.0));
        assert_eq!(of("$500", Unit::Usd), Some(500.0));
        assert_eq!(of("$10k", Unit::Usd), Some(10_000.0));
        assert_eq!(of("48h", Unit::Time), Some(172_800.0));
        assert_eq!(of("90m", Unit::Time), Some(5400.0));
        assert_eq!(of("40 GiB", Unit::Size), Some(40.0 * 1_073_741_824.0));
        assert_eq!(read(&Amount::Number(2.0), Unit::Time, "x"), Ok(7200.0));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "many", "12X", "-5", "0", "1e30", "inf", "NaN", "é"] {
            assert_eq!(of(text, Unit::Count), None, "{text}");
        }
    }
}
