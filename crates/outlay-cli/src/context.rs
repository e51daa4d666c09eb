//! What a command may know of the process it runs in: the day, the width of the terminal, the hub's settings.
//!
//! Does not know: the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Fault;
use crate::home::Home;
use crate::hub::Hub;

/// Narrowest and widest a table is laid out for; a pipe gets the narrow one unless COLUMNS says otherwise.
const WIDTH: (usize, usize) = (80, 120);

/// The surroundings of a command.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The day, as `YYYY-MM-DD`.
    pub(crate) today: String,
    /// Only prices that were known on that day, which is then the day as well.
    pub(crate) as_of: Option<String>,
    /// The user said which day it is.
    fixed: bool,
    /// Columns to lay out for.
    pub(crate) width: usize,
    /// The hub.
    pub(crate) hub: Hub,
    /// Where things are kept.
    pub(crate) home: Home,
}

impl Context {
    /// As this process finds it; `as_of`, then `today` stand in for the clock.
    pub(crate) fn of_this_process(today: Option<String>, as_of: Option<String>) -> Result<Self, Fault> {
        let env = |name: &str| std::env::var(name).ok();
        let flag = if as_of.is_some() { "--as-of" } else { "--today" };
        let fixed = today.is_some() || as_of.is_some();
        let today = match as_of.clone().or(today) {
            Some(day) if is_day(&day) => day,
            Some(day) => {
                return Err(
                    Fault::new("bad-date", format!("{day:?} is not a day"), flag).help("write it as 2026-11-24")
                );
            }
            None => clock(),
        };
        let columns = env("COLUMNS").and_then(|columns| columns.trim().parse().ok());
        let width = columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)));
        Ok(Self {
            today,
            as_of,
            fixed,
            width: width.unwrap_or(WIDTH.0).clamp(WIDTH.0, WIDTH.1),
            hub: Hub::from_env(&env),
            home: Home::from_env(&env),
        })
    }

    /// The day that was given in place of the clock's.
    pub(crate) fn given(&self) -> Option<String> {
        self.fixed.then(|| self.today.clone())
    }

    /// The day as it is now, for a command that runs for longer than one.
    pub(crate) fn day(&self) -> String {
        if self.fixed { self.today.clone() } else { clock() }
    }
}

/// The day that the clock shows.
pub(crate) fn clock() -> String {
    civil(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) / 86_400)
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number =
        |part: &str, len: usize| part.parse::<u32>().ok().filter(|_| part.len() == len && !part.starts_with('+'));
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|m| (1..=12).contains(&m))
        && number(day, 2).is_some_and(|d| (1..=31).contains(&d))
}

/// The civil date of a day counted from 1970-01-01, after Hinnant's `civil_from_days` (for days since the epoch).
pub(crate) fn civil(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let moved = (5 * of_year + 2) / 153;
    let day = of_year - (153 * moved + 2) / 5 + 1;
    let month = if moved < 10 { moved + 3 } else { moved - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::{civil, is_day};

    #[test]
    fn days() {
        assert_eq!([0, 59, 11_016, 20_781].map(civil), ["1970-01-01", "1970-03-01", "2000-02-29", "2026-11-24"]);
        assert!(is_day("2026-11-24"));
        assert!(!["2026-13-01", "2026-1-1", "today", "2026-01-00", ""].into_iter().any(is_day));
    }
}
