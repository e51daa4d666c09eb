//! Quantities with their units: bytes, FLOP, seconds, dollars, watts and the rates between them.
//!
//! Hand-written newtypes over `f64` with only the operators that mean something; a general units library costs
//! long builds and unreadable errors. The stored unit stands in each doc line, SI throughout; GiB, hours and the
//! rest exist only as named conversions at the rim. Counts (tokens, parameters, devices) are plain `u64`.
//!
//! Does not know: currencies other than USD, significant digits, formatting for people.

use core::cmp::Ordering;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Div, Mul, Sub};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(f64);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0.0);
            /// From the stored unit.
            #[must_use]
            pub const fn new(value: f64) -> Self {
                Self(value)
            }
            /// In the stored unit.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
            /// The larger of the two.
            #[must_use]
            pub fn max(self, other: Self) -> Self {
                if other.0 > self.0 { other } else { self }
            }
            /// The smaller of the two.
            #[must_use]
            pub fn min(self, other: Self) -> Self {
                if other.0 < self.0 { other } else { self }
            }
            /// A total order: the one that sorting and tie-breaking use.
            #[must_use]
            pub fn total_cmp(&self, other: &Self) -> Ordering {
                self.0.total_cmp(&other.0)
            }
        }
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Mul<Share> for $name {
            type Output = Self;
            fn mul(self, share: Share) -> Self {
                Self(self.0 * share.0)
            }
        }
        impl Mul<u64> for $name {
            type Output = Self;
            fn mul(self, count: u64) -> Self {
                Self(self.0 * count as f64)
            }
        }
        impl Div<u64> for $name {
            type Output = Self;
            fn div(self, count: u64) -> Self {
                Self(self.0 / count as f64)
            }
        }
        impl Div<Share> for $name {
            type Output = Self;
            fn div(self, share: Share) -> Self {
                Self(self.0 / share.0)
            }
        }
        impl Div for $name {
            type Output = Share;
            fn div(self, other: Self) -> Share {
                Share(self.0 / other.0)
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::ZERO, Add::add)
            }
        }
    };
}

macro_rules! rate {
    ($amount:ident / $per:ident = $rate:ident) => {
        impl Div<$rate> for $amount {
            type Output = $per;
            fn div(self, rate: $rate) -> $per {
                $per::new(self.0 / rate.0)
            }
        }
        impl Div<$per> for $amount {
            type Output = $rate;
            fn div(self, per: $per) -> $rate {
                $rate::new(self.0 / per.0)
            }
        }
        impl Mul<$per> for $rate {
            type Output = $amount;
            fn mul(self, per: $per) -> $amount {
                $amount::new(self.0 * per.0)
            }
        }
    };
}

/// A dimensionless ratio, share, factor or probability: the one bare number that may cross a wall.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// The whole.
    pub const ONE: Self = Self(1.0);
    /// From a plain number.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        Self(value)
    }
    /// As a plain number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
    /// The larger of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }
    /// The smaller of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }
}

impl Mul for Share {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl Add for Share {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

quantity! {
    /// Amount of memory or data, in bytes.
    Bytes
}
quantity! {
    /// Work, in floating-point operations (a multiply-add counts two).
    Flops
}
quantity! {
    /// Time, in seconds.
    Seconds
}
quantity! {
    /// Cross-entropy of a language model, in nats a token.
    Nats
}
quantity! {
    /// An amount of text, in tokens; an effective amount need not be whole.
    Tokens
}
quantity! {
    /// Size of a model, in parameters; an effective size need not be whole.
    Params
}
quantity! {
    /// Money, in US dollars.
    Usd
}
quantity! {
    /// Power, in watts.
    Watts
}
quantity! {
    /// Energy, in joules.
    Joules
}
quantity! {
    /// Bandwidth, in bytes per second.
    BytesPerSec
}
quantity! {
    /// Compute rate, in FLOP per second.
    FlopsPerSec
}
quantity! {
    /// Price of keeping data, in US dollars per GB (10^9) and month of 730 hours, as it is quoted.
    UsdPerGbMonth
}
quantity! {
    /// Price of moving data, in US dollars per GB (10^9).
    UsdPerGb
}
quantity! {
    /// Price of energy, in US dollars per kilowatt-hour.
    UsdPerKwh
}
quantity! {
    /// Mass, in kilograms: of carbon dioxide and its equivalents.
    Kilograms
}
quantity! {
    /// Carbon intensity of electricity, in kilograms of CO2 equivalents per kilowatt-hour.
    KilogramsPerKwh
}
quantity! {
    /// Price of time, in US dollars per hour (the one non-SI unit kept: prices are quoted and compared in it).
    UsdPerHour
}

rate!(Bytes / Seconds = BytesPerSec);
rate!(Flops / Seconds = FlopsPerSec);
rate!(Joules / Seconds = Watts);

/// Bytes in one GiB.
pub const GIB: f64 = 1_073_741_824.0;

impl Bytes {
    /// Exactly this many bytes.
    #[must_use]
    pub const fn count(bytes: u64) -> Self {
        Self(bytes as f64)
    }
    /// From GiB (2^30).
    #[must_use]
    pub const fn gib(value: f64) -> Self {
        Self(value * GIB)
    }
    /// From GB (10^9).
    #[must_use]
    pub const fn gb(value: f64) -> Self {
        Self(value * 1e9)
    }
    /// In GiB (2^30).
    #[must_use]
    pub const fn to_gib(self) -> f64 {
        self.0 / GIB
    }
    /// In GB (10^9).
    #[must_use]
    pub const fn to_gb(self) -> f64 {
        self.0 / 1e9
    }
}

impl Seconds {
    /// From microseconds.
    #[must_use]
    pub const fn micros(value: f64) -> Self {
        Self(value * 1e-6)
    }
    /// From hours.
    #[must_use]
    pub const fn hours(value: f64) -> Self {
        Self(value * 3600.0)
    }
    /// In hours.
    #[must_use]
    pub const fn to_hours(self) -> f64 {
        self.0 / 3600.0
    }
    /// In days.
    #[must_use]
    pub const fn to_days(self) -> f64 {
        self.0 / 86_400.0
    }
}

impl BytesPerSec {
    /// From GB/s (10^9).
    #[must_use]
    pub const fn gb(value: f64) -> Self {
        Self(value * 1e9)
    }
}

impl FlopsPerSec {
    /// From TFLOP/s (10^12).
    #[must_use]
    pub const fn tera(value: f64) -> Self {
        Self(value * 1e12)
    }
    /// In TFLOP/s (10^12).
    #[must_use]
    pub const fn to_tera(self) -> f64 {
        self.0 / 1e12
    }
}

impl Joules {
    /// In kilowatt-hours.
    #[must_use]
    pub const fn to_kwh(self) -> f64 {
        self.0 / 3.6e6
    }
}

impl Mul<Seconds> for UsdPerHour {
    type Output = Usd;
    fn mul(self, time: Seconds) -> Usd {
        Usd::new(self.0 * time.to_hours())
    }
}

impl Mul<Bytes> for UsdPerGbMonth {
    type Output = UsdPerHour;
    fn mul(self, kept: Bytes) -> UsdPerHour {
        UsdPerHour::new(self.0 * kept.to_gb() / 730.0)
    }
}

impl Mul<Bytes> for UsdPerGb {
    type Output = Usd;
    fn mul(self, moved: Bytes) -> Usd {
        Usd::new(self.0 * moved.to_gb())
    }
}

impl Mul<Joules> for KilogramsPerKwh {
    type Output = Kilograms;
    fn mul(self, energy: Joules) -> Kilograms {
        Kilograms::new(self.0 * energy.to_kwh())
    }
}

impl Mul<Joules> for UsdPerKwh {
    type Output = Usd;
    fn mul(self, energy: Joules) -> Usd {
        Usd::new(self.0 * energy.to_kwh())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_amounts_agree() {
        assert_eq!(Bytes::gb(2.0) / BytesPerSec::gb(4.0), Seconds::new(0.5));
        assert_eq!(UsdPerHour::new(3.0) * Seconds::hours(2.0), Usd::new(6.0));
        assert_eq!((UsdPerGbMonth::new(0.023) * Bytes::gb(1000.0)) * Seconds::hours(730.0), Usd::new(23.0));
        assert_eq!(UsdPerKwh::new(0.1) * Joules::new(3.6e7), Usd::new(1.0));
        assert_eq!(Bytes::gib(1.0).get(), 1_073_741_824.0);
        assert_eq!(Flops::new(6.0) / Flops::new(3.0), Share::new(2.0));
    }
}
