//! Tokens: who may read, who may write.
//!
//! A token is `outlay_<id>_<secret>`: 8 random bytes by which it is found and revoked, 32 that nobody else knows. Only the
//! SHA-256 of the secret is kept; a secret of 256 random bits needs no slower hash. Comparing takes the same time whatever
//! is sent, and an id that does not exist is compared too.
//!
//! Does not know: requests.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::{Broken, Store, TokenRow};

/// What a token allows; each allows what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Ask and read.
    Read,
    /// Store and delete too.
    Write,
}

impl Scope {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Write].into_iter().find(|scope| scope.name() == name)
    }
}

/// A token that was just made: the only moment at which its secret can be read.
#[derive(Debug)]
pub(crate) struct Made {
    /// What is handed out.
    pub(crate) text: String,
    /// What is kept.
    pub(crate) row: TokenRow,
}

/// So many random bytes, in hexadecimal digits.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn random(bytes: usize) -> Result<String, getrandom::Error> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer)?;
    Ok(hex(&buffer))
}

/// A new token.
///
/// # Errors
/// As [`random`].
pub(crate) fn make(name: &str, scope: Scope, now: i64) -> Result<Made, getrandom::Error> {
    let (id, secret) = (random(8)?, random(32)?);
    let row = TokenRow {
        name: name.into(),
        hash: hash(&secret),
        scope: scope.name().into(),
        created: now,
        revoked: 0,
        id: id.clone(),
    };
    Ok(Made { text: format!("outlay_{id}_{secret}"), row })
}

/// What a token allows; `None`: it is none of ours, or revoked.
pub(crate) async fn scope(store: &Store, text: &str) -> Result<Option<Scope>, Broken> {
    let Some((id, secret)) = parts(text) else { return Ok(None) };
    let row = store.token(id).await?;
    let nobody = "0".repeat(64);
    let kept = row.as_ref().map_or(nobody.as_str(), |row| &row.hash);
    let same = bool::from(hash(secret).as_bytes().ct_eq(kept.as_bytes()));
    Ok(row.filter(|row| same && row.revoked == 0).and_then(|row| Scope::from_name(&row.scope)))
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix("outlay_")?.split_once('_')?;
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
    (digits(id, 16) && digits(secret, 64)).then_some((id, secret))
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Scope, hash, make, parts};

    #[test]
    fn a_token_is_its_id_and_a_secret_of_which_the_hash_is_kept() {
        let made = make("ci", Scope::Read, 7).unwrap();
        let (id, secret) = parts(&made.text).unwrap();
        assert_eq!((id, hash(secret)), (made.row.id.as_str(), made.row.hash.clone()));
        assert!(!made.row.hash.contains(secret) && made.row.revoked == 0);
        assert_ne!(make("ci", Scope::Read, 7).unwrap().text, made.text);
        // FIPS 180-2, appendix B.1.
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_token() {
        for text in ["", "outlay_", "outlay_1_2", "Bearer x", &format!("outlay_{}_{}", "g".repeat(16), "0".repeat(64))]
        {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
