//! Numbers as people read them: the one place where a figure becomes text.
//!
//! Three significant digits everywhere, because no forecast here is better than that; thousands are grouped; units are
//! always written. Memory is binary (GiB), everything else decimal. An unknown figure is [`UNKNOWN`], never zero.
//!
//! Does not know: where the figure came from, how wide the terminal is.

/// What stands where a figure is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// A number with three significant digits, thousands grouped, no trailing zeros after the point.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return UNKNOWN.into();
    }
    let size = value.abs();
    let decimals = match size {
        s if s == 0.0 || s >= 99.95 => 0,
        s if s >= 9.995 => 1,
        s if s >= 0.995 => 2,
        s => (2 - s.log10().floor() as i64).clamp(0, 9) as usize,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = group(whole);
    if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") }
}

/// Groups the digits of a whole number in threes.
fn group(whole: &str) -> String {
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut out = String::with_capacity(whole.len() + whole.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}")
}

/// A whole number, all its digits.
pub(crate) fn whole(count: u64) -> String {
    group(&count.to_string())
}

/// A count with its SI prefix: `8.03 B` parameters, `6 M` tokens.
pub(crate) fn si(count: f64) -> String {
    let (divisor, suffix) = match count.abs() {
        c if c >= 0.9995e12 => (1e12, " T"),
        c if c >= 0.9995e9 => (1e9, " B"),
        c if c >= 0.9995e6 => (1e6, " M"),
        c if c >= 0.9995e4 => (1e3, " k"),
        _ => (1.0, ""),
    };
    format!("{}{suffix}", number(count / divisor))
}

/// Memory in GiB with one decimal: for columns, where the decimal points line up.
pub(crate) fn gib(gib: f64) -> String {
    format!("{gib:.1}")
}

/// A time span in the two units that matter.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.into();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let s = seconds.abs();
    let text = match s {
        0.0 => "0 s".into(),
        s if s < 0.9995e-3 => format!("{} µs", number(s * 1e6)),
        s if s < 0.9995 => format!("{} ms", number(s * 1e3)),
        s if s < 99.5 => format!("{} s", number(s)),
        s if s < 3570.0 => format!("{} min", if s < 570.0 { number(s / 60.0) } else { format!("{:.0}", s / 60.0) }),
        s if s < 47.5 * 3600.0 => two(s, 3600.0, "h", 60.0, "min", if s < 10.0 * 3600.0 { 1.0 } else { 10.0 }),
        s if s < 20.0 * 86_400.0 => two(s, 86_400.0, "d", 3600.0, "h", 1.0),
        s => format!("{} d", number(s / 86_400.0)),
    };
    format!("{sign}{text}")
}

/// `2 h 10 min`: the small unit rounded to `grain`, left out when nothing of it remains.
fn two(seconds: f64, large: f64, large_name: &str, small: f64, small_name: &str, grain: f64) -> String {
    let smalls = (seconds / small / grain).round() * grain;
    let per = large / small;
    let (whole, rest) = ((smalls / per).floor(), smalls % per);
    if rest == 0.0 { format!("{whole} {large_name}") } else { format!("{whole} {large_name} {rest} {small_name}") }
}

/// Money: cents below a hundred dollars, whole dollars to a million, then millions.
pub(crate) fn usd(dollars: f64) -> String {
    if !dollars.is_finite() {
        return UNKNOWN.into();
    }
    // What is left of sums that cancel is nothing.
    let dollars = if dollars.abs() < 1e-9 { 0.0 } else { dollars };
    let sign = if dollars < 0.0 { "-" } else { "" };
    let d = dollars.abs();
    let text = match d {
        0.0 => "0".into(),
        d if d < 0.0995 => number(d),
        d if d < 99.995 => format!("{d:.2}"),
        d if d < 999_500.0 => group(&format!("{d:.0}")),
        d if d < 0.9995e9 => format!("{} M", number(d / 1e6)),
        d => format!("{} B", number(d / 1e9)),
    };
    format!("{sign}${text}")
}

/// Price of an hour.
pub(crate) fn usd_per_hour(dollars: f64) -> String {
    format!("{}/h", usd(dollars))
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return UNKNOWN.into();
    }
    let p = share * 100.0;
    if p != 0.0 && p.abs() < 0.95 { format!("{} %", number(p)) } else { format!("{p:.0} %") }
}

/// The 80 % interval of a figure, in that figure's own format: `$0.66–$1.10`.
pub(crate) fn interval(low: f64, high: f64, one: impl Fn(f64) -> String) -> String {
    let (low, high) = (one(low), one(high));
    if low == high {
        return low;
    }
    // "1.2 h – 1.4 h" reads better without the unit twice, and so does "$1–2".
    let unit =
        low.rsplit_once(' ').filter(|(number, unit)| !number.contains(' ') && high.ends_with(&format!(" {unit}")));
    match unit {
        Some((number, unit)) if !high.trim_end_matches(unit).trim_end().contains(' ') => format!("{number}–{high}"),
        _ if low.starts_with('$') && high.starts_with('$') => format!("{low}–{}", &high[1..]),
        _ => format!("{low} – {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_groups() {
        let got: Vec<String> =
            [0.0, 0.001_234_5, 0.5, 1.0, 1.005, 9.999, 12.34, 123.4, 1234.5, 1.0e7, -2.5, f64::NAN].map(number).into();
        assert_eq!(
            got,
            ["0", "0.00123", "0.5", "1", "1", "10", "12.3", "123", "1,234", "10,000,000", "-2.5", "unknown"]
        );
    }

    #[test]
    fn si_prefixes() {
        assert_eq!(
            [512.0, 9_994.0, 12_000.0, 6e6, 8.03e9, 1.4e13].map(si),
            ["512", "9,994", "12 k", "6 M", "8.03 B", "14 T"]
        );
    }

    #[test]
    fn binary_memory() {
        assert_eq!(gib(79.96), "80.0");
    }

    #[test]
    fn durations() {
        let got = [0.0, 2e-5, 0.25, 1.5, 59.0, 300.0, 1800.0, 3599.0, 7800.0, 86_400.0, 200_000.0, 4e6].map(duration);
        assert_eq!(
            got,
            [
                "0 s",
                "20 µs",
                "250 ms",
                "1.5 s",
                "59 s",
                "5 min",
                "30 min",
                "1 h",
                "2 h 10 min",
                "24 h",
                "2 d 8 h",
                "46.3 d"
            ]
        );
    }

    #[test]
    fn money() {
        let got = [0.0, 0.0042, 0.85, 12.0, 99.999, 1234.4, 250_000.0, 1.5e6, 2e9, -3.0].map(usd);
        assert_eq!(got, ["$0", "$0.0042", "$0.85", "$12.00", "$100", "$1,234", "$250,000", "$1.5 M", "$2 B", "-$3.00"]);
        assert_eq!(usd_per_hour(0.39), "$0.39/h");
    }

    #[test]
    fn shares() {
        assert_eq!([0.0, 0.0042, 0.42, 1.0].map(percent), ["0 %", "0.42 %", "42 %", "100 %"]);
    }

    #[test]
    fn intervals_name_a_common_unit_once() {
        assert_eq!(interval(0.66, 1.10, usd), "$0.66–1.10");
        assert_eq!(interval(1200.0, 1800.0, duration), "20–30 min");
        assert_eq!(interval(1800.0, 7800.0, duration), "30 min – 2 h 10 min");
        assert_eq!(interval(1.0, 1.0, usd), "$1.00");
    }
}
