//! The page: whatever lies in `web/dist` when this is built, out of the binary.
//!
//! Files whose name carries a hash never change and may be kept for good; all others are asked for again with their tag.
//! A `.br` beside a file is sent in its place to whoever takes it.
//!
//! Does not know: what the page does.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::fault::{Refusal, Why};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Files;

const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

/// A file of the page; `/` is its beginning.
pub(crate) async fn file(request: Request) -> Response {
    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(plain) = Files::get(path).filter(|_| !path.ends_with(".br")) else {
        let shown: String = path.chars().take(200).collect();
        let refusal = Refusal::new(Why::NotFound, "the address", format!("nothing at {shown:?}"));
        return refusal.help("/api/v1/docs lists what there is").into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal = Refusal::new(Why::WrongMethod, "the method", "files can only be read");
        return ([(header::ALLOW, "GET, HEAD")], refusal).into_response();
    }
    let kind = plain.metadata.mimetype().to_owned();
    let kind = if kind.starts_with("text/") && !kind.contains("charset") { kind + "; charset=utf-8" } else { kind };
    let keep = if is_hashed(path) { FOR_GOOD } else { ASK_AGAIN };
    let small = takes(request.headers(), "br").then(|| Files::get(&format!("{path}.br"))).flatten();
    let (file, encoding) = small.map_or((plain, None), |small| (small, Some("br")));
    let tag = tag(&file.metadata.sha256_hash());
    let data = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    sent(request.headers(), &kind, keep, &tag, encoding, data)
}

/// A body with a tag, or nothing if the client has it.
pub(crate) fn sent(
    asked: &HeaderMap,
    kind: &str,
    keep: &'static str,
    tag: &str,
    encoding: Option<&'static str>,
    data: Bytes,
) -> Response {
    let held = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).is_some_and(|tags| {
        tags.trim() == "*" || tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    let mut response = if held { StatusCode::NOT_MODIFIED.into_response() } else { data.into_response() };
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    set(header::CACHE_CONTROL, keep);
    set(header::ETAG, tag);
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    response
}

/// A tag made of a hash.
pub(crate) fn tag(hash: &[u8]) -> String {
    let digits: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether a client takes an encoding.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|list| list.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        name.trim() == encoding && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// `assets/index-BX3fQ9aZ.js`: what bundlers write, eight or more letters and digits before the extension.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.split_once('.') else { return false };
    let Some((_, hash)) = stem.rsplit_once('-').filter(|_| path.starts_with("assets/")) else { return false };
    hash.len() >= 8 && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{is_hashed, takes};

    #[test]
    fn only_names_with_a_hash_are_kept_for_good() {
        assert!(is_hashed("assets/index-BX3fQ9aZ.js") && is_hashed("assets/outlay_bg-Cq1_x9Zz.wasm"));
        assert!(!["index.html", "assets/logo.svg", "assets/a-b.js", "x-12345678.js"].into_iter().any(is_hashed));
    }

    #[test]
    fn an_encoding_may_be_refused() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        assert!(takes(&headers("gzip, br;q=0.9"), "br") && takes(&headers("br"), "br"));
        assert!(!takes(&headers("gzip, br;q=0"), "br") && !takes(&HeaderMap::new(), "br"));
    }
}
