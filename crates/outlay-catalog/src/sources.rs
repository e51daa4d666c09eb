//! Where the facts were read: the ids that other tables name.

#[cfg(test)]
pub(crate) fn ids() -> Vec<String> {
    let table: toml::Table = include_str!("../data/sources.toml").parse().expect("the table is well-formed");
    let rows = table["source"].as_array().expect("a list");
    rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_unique() {
        let mut ids = super::ids();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
