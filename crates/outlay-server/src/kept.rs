//! Forecasts that were given today, for whoever sends the same body again: scripts and dashboards ask one thing many times.
//!
//! An estimate is a function of its body, the catalog and the day, and the catalog stays as long as the process does. The
//! price is a bounded piece of memory. What rests on the hub is not kept: it may say something else tomorrow.
//!
//! Does not know: what is asked; who may ask, which is decided before.

use axum::body::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What all of it may weigh, in bytes.
const WEIGHT: u64 = 16 * 1024 * 1024;
/// The usual answer, in bytes: from it follows how many the table is made for.
const USUAL: u64 = 20 * 1024;
/// What an entry costs beside its text, in bytes.
const BESIDE: u64 = 200;

/// Answers by day and body.
#[derive(Debug)]
pub(crate) struct Kept(Cache<(String, Bytes), Bytes, Size>);

#[derive(Debug, Clone)]
struct Size;

impl Weighter<(String, Bytes), Bytes> for Size {
    fn weight(&self, (day, body): &(String, Bytes), answer: &Bytes) -> u64 {
        [day.len(), body.len(), answer.len()].map(|size| size as u64).iter().sum::<u64>() + BESIDE
    }
}

impl Kept {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let entries = usize::try_from(WEIGHT / USUAL).unwrap_or(1);
        Self(Cache::with_weighter(entries, WEIGHT, Size))
    }

    /// The answer to this body on this day.
    pub(crate) fn answer(&self, day: &str, body: &Bytes) -> Option<Bytes> {
        self.0.get(&(day.to_owned(), body.clone()))
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, day: String, body: &[u8], answer: &Bytes) {
        // A copy: a body is a part of what its connection read.
        self.0.insert((day, Bytes::copy_from_slice(body)), answer.clone());
    }

    /// What it weighs, in bytes.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.0.weight()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::{Kept, WEIGHT};

    #[test]
    fn an_answer_belongs_to_its_day_and_body() {
        let (kept, body) = (Kept::new(), Bytes::from_static(b"{}"));
        kept.keep("2026-11-24".into(), &body, &Bytes::from_static(b"answer"));
        assert_eq!(kept.answer("2026-11-24", &body).as_deref(), Some(&b"answer"[..]));
        assert_eq!(kept.answer("2026-11-25", &body), None);
        assert_eq!(kept.answer("2026-11-24", &Bytes::from_static(b"{ }")), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (kept, large) = (Kept::new(), Bytes::from(vec![b'x'; 300_000]));
        for number in 0..500_u32 {
            kept.keep("2026-11-24".into(), &number.to_le_bytes(), &large);
            assert!(kept.weight() <= WEIGHT, "{} after {number}", kept.weight());
        }
        assert!(kept.weight() > WEIGHT / 2);
    }
}
