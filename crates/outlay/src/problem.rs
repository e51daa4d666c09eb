//! One fault in a request: what, where in the user's own words, the rule, and the way out.
//!
//! Every message a user can see has a code here; `outlay schema errors` prints the table. Texts of codes never change
//! once released, messages may.

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $meaning:literal;)*) => {
        /// What kind of fault it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written in answers.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Its class, as an HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    BadSyntax = "bad-syntax", 400, "The text is not well-formed TOML or JSON.";
    UnknownKey = "unknown-key", 400, "A key that no job has.";
    WrongType = "wrong-type", 400, "A value of another type than its key takes.";
    BadAmount = "bad-amount", 400, "An amount that cannot be read: number, suffix or unit.";
    OutOfRange = "out-of-range", 422, "A value outside of what can be.";
    Missing = "missing", 422, "Something without which there is no answer.";
    Contradiction = "contradiction", 422, "Two values that cannot both hold.";
    UnknownName = "unknown-name", 404, "A name that the catalog or the list of choices does not have.";
    UnknownModel = "unknown-model", 404, "A model that is no preset, and whose config was not given.";
    UnreadableModel = "unreadable-model", 422, "A config.json that lacks a field, or of an architecture nobody described.";
    DoesNotDivide = "does-not-divide", 422, "A width that does not divide what it splits.";
    NotOnThisPart = "not-on-this-part", 422, "Something that the accelerator cannot do.";
    NotExpressible = "not-expressible", 422, "Something of a plan that the program it is written for has no setting for.";
    NoOffer = "no-offer", 422, "Filters that leave nothing to rent.";
    UnreadableFile = "unreadable-file", 400, "A file that cannot be opened or is not text.";
    NotTraining = "not-training", 422, "A config of a program that trains nothing with it, as for inference.";
    NotForecast = "not-forecast", 422, "Training of a kind that is not forecast.";
    Hub = "hub", 502, "The model hub did not give the config.";
}

/// One fault in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// Where, in the user's own words: a key, a file, a line.
    pub at: String,
    /// What is wrong, with the value found and the rule.
    pub message: String,
    /// Ways out.
    pub help: Vec<String>,
}

impl Problem {
    /// A fault without a way out yet; add some with [`Problem::help`].
    #[must_use]
    pub fn new(code: Code, at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, at: at.into(), message: message.into(), help: Vec::new() }
    }

    /// The same with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// A name that is not known, with the nearest ones.
    #[must_use]
    pub fn unknown_name(at: &str, kind: &str, found: &str, near: &[String]) -> Self {
        let problem = Self::new(Code::UnknownName, at, format!("no {kind} `{found}`"));
        match near {
            [] => problem,
            near => problem.help(format!("did you mean {}?", either(near))),
        }
    }
}

/// `a`, `a or b`, `a, b or c`, each in backticks.
#[must_use]
pub fn either(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}\n  at {}", self.code.text(), self.message, self.at)?;
        self.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"))
    }
}

impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Problem", 4)?;
        fields.serialize_field("code", self.code.text())?;
        fields.serialize_field("at", &self.at)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("help", &self.help)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut texts: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.') && (400..600).contains(&code.status())));
    }
}
