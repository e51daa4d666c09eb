//! Links of pages: to pages, to their headings, to other files of the tree; and the book's list of its pages.
//!
//! Addresses of the web are not asked: no check needs a network.
//!
//! Does not know: files; whether one exists is handed in.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Page;

/// The contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";

/// How many links there were, and those that lead nowhere.
pub(crate) fn check(pages: &[Page], exists: &dyn Fn(&str) -> bool) -> (usize, Vec<String>) {
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|page| (page.name.as_str(), anchors(&page.text))).collect();
    let (mut followed, mut complaints) = (0, Vec::new());
    for page in pages {
        for (line, link) in links(&page.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            if let Err(fault) = follow(page, &link, &anchors, exists) {
                complaints.push(format!("{}:{line}: ({link}) {fault}", page.name));
            }
        }
    }
    (followed, complaints)
}

fn follow(
    page: &Page,
    link: &str,
    anchors: &BTreeMap<&str, Vec<String>>,
    exists: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { page.name.clone() } else { resolved(&page.name, path)? };
    if !exists(&target) {
        return Err(format!("leads to {target}, which does not exist"));
    }
    if page.name.starts_with("docs/") && !target.starts_with("docs/") {
        return Err("leads out of docs/, which the book does not hold".into());
    }
    match (anchor, anchors.get(target.as_str())) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(format!("names a heading of {target}, which is no page")),
        (Some(anchor), Some(known)) if known.iter().any(|known| known == anchor) => Ok(()),
        (Some(anchor), Some(_)) => Err(format!("{target} has no heading #{anchor}")),
    }
}

/// A path as it is seen from a page, from the root of the tree.
fn resolved(page: &str, path: &str) -> Result<String, String> {
    if path.starts_with('/') {
        return Err("starts at a root that the book does not have".into());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return Err("leads out of the tree".into());
        }
    }
    Ok(parts.join("/"))
}

/// Every link and picture, with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    events
        .filter_map(|(event, at)| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some((text[..at.start].matches('\n').count() + 1, dest_url.into_string()))
            }
            _ => None,
        })
        .collect()
}

/// Names of headings, as GitHub and mdBook make them: small letters, hyphens for blanks, no punctuation, numbered if twice.
fn anchors(text: &str) -> Vec<String> {
    let (mut found, mut heading): (Vec<String>, Option<String>) = (Vec::new(), None);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(words) | Event::Code(words), Some(heading)) => heading.push_str(&words),
            (Event::End(TagEnd::Heading(_)), Some(words)) => {
                let name = slug(words);
                let twice = found.iter().filter(|old| **old == name).count();
                let count =
                    found.iter().filter(|old| old.strip_prefix(&format!("{name}-")).is_some_and(is_number)).count();
                found.push(if twice == 0 { name } else { format!("{name}-{}", count + 1) });
                heading = None;
            }
            _ => {}
        }
    }
    found
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn slug(heading: &str) -> String {
    let letters = heading.trim().chars().filter_map(|c| match c {
        _ if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_lowercase().to_string()),
        _ if c.is_whitespace() => Some("-".into()),
        _ => None,
    });
    letters.collect()
}

/// Pages of `docs/` that the contents of the book do not list.
pub(crate) fn unlisted(pages: &[Page]) -> Vec<String> {
    let summary = pages.iter().find(|page| page.name == SUMMARY);
    let listed: Vec<String> = summary
        .map(|page| links(&page.text))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(_, link)| resolved(SUMMARY, &link).ok())
        .collect();
    let missing = pages.iter().filter(|page| page.name.starts_with("docs/") && page.name != SUMMARY);
    missing
        .filter(|page| !listed.contains(&page.name))
        .map(|page| format!("{SUMMARY} does not list {}", page.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{anchors, check, unlisted};
    use crate::docs::Page;

    fn page(name: &str, text: &str) -> Page {
        Page { name: name.into(), text: text.into() }
    }

    fn complaints(pages: &[Page]) -> Vec<String> {
        check(pages, &|path| path == "docs" || path == "data.json" || pages.iter().any(|page| page.name == path)).1
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let pages = [
            page("README.md", "[a](docs/a.md#one-two) [all](docs/) [web](https://example.org/x.md) [d](data.json)"),
            page("docs/a.md", "# One, `two`\n\n[here](#one-two) [b](sub/b.md)\n\n```\n[no link](nowhere.md)\n```\n"),
            page("docs/sub/b.md", "| table |\n|---|\n| [back](../a.md) |\n"),
        ];
        assert_eq!(check(&pages, &|_| true).0, 6);
        assert_eq!(complaints(&pages), Vec::<String>::new());
    }

    #[test]
    fn every_way_to_lead_nowhere_is_found() {
        let text = "# A\n\n[gone](gone.md)\n[no heading](#b)\n[up](../../x.md)\n[out](../data.json)\n[root](/a.md)\n";
        let pages =
            [page("docs/a.md", text), page("README.md", "[x](data.json#part) ![p](gone.svg) [r][r]\n\n[r]: r.md")];
        assert_eq!(
            complaints(&pages),
            [
                "docs/a.md:3: (gone.md) leads to docs/gone.md, which does not exist",
                "docs/a.md:4: (#b) docs/a.md has no heading #b",
                "docs/a.md:5: (../../x.md) leads out of the tree",
                "docs/a.md:6: (../data.json) leads out of docs/, which the book does not hold",
                "docs/a.md:7: (/a.md) starts at a root that the book does not have",
                "README.md:1: (data.json#part) names a heading of data.json, which is no page",
                "README.md:1: (gone.svg) leads to gone.svg, which does not exist",
                "README.md:1: (r.md) leads to r.md, which does not exist",
            ]
        );
    }

    #[test]
    fn headings_are_named_as_github_names_them() {
        let text = "# `web/` & Co.: 100 %\n## Again\n## Again\n## Again\n```\n# no heading\n```\n";
        assert_eq!(anchors(text), ["web--co-100-", "again", "again-1", "again-2"]);
    }

    #[test]
    fn a_page_that_the_contents_forget_is_found() {
        let pages = [
            page("README.md", ""),
            page("docs/SUMMARY.md", "- [A](a.md)\n"),
            page("docs/a.md", ""),
            page("docs/sub/b.md", ""),
        ];
        assert_eq!(unlisted(&pages), ["docs/SUMMARY.md does not list docs/sub/b.md"]);
    }
}
