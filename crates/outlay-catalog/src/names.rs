//! Names as people write them: compared without case and punctuation, and the nearest one offered for a slip.

/// A name reduced to its letters and digits, lower case: `H100-SXM`, `h100 sxm` and `H100_SXM` are one.
#[must_use]
pub fn key(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// A name's [`key`] is this one; nothing is allocated for it.
#[must_use]
pub fn is(name: &str, key: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    letters.eq(key.bytes())
}

/// One of the names is part of one of the texts; no names at all match everything.
#[must_use]
pub fn matches(names: &[String], texts: &[&str]) -> bool {
    names.is_empty() || names.iter().any(|name| texts.iter().any(|text| key(text).contains(&key(name))))
}

/// Longest name that is compared with others: nobody mistypes more, and comparing takes time with the length.
const LONGEST: usize = 100;

/// The known names nearest to a mistyped one, best first, at most three and none that is far off.
#[must_use]
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = key(wanted);
    if wanted.len() > LONGEST {
        return Vec::new();
    }
    let most = 1 + wanted.len() / 3;
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| {
            let other = key(name);
            let inside = wanted.len() >= 3 && (other.contains(&wanted) || wanted.contains(&other)) && !other.is_empty();
            (if inside { 1 } else { distance(&wanted, &other) }, name)
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.len().cmp(&b.1.len())).then_with(|| a.1.cmp(b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// Edit distance (insert, delete, replace).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_name() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("epohcs", ["epochs", "tokens", "steps"]), ["epochs"]);
        assert!(nearest("zzzzzz", ["epochs"]).is_empty());
        assert!(nearest(&"epochs".repeat(1_000_000), ["epochs"]).is_empty());
        assert_eq!(key("H100-SXM 80GB"), "h100sxm80gb");
        assert!(is("H100-SXM 80GB", "h100sxm80gb") && is("é A·1", "a1") && !is("H100-SXM", "h100sxm80gb"));
    }
}
