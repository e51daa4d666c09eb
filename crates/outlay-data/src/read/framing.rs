//! Where one record ends and the next begins.
//!
//! A framing looks at the bytes from the start of a record on, names the records that are whole, and says how far it came;
//! the rest is handed in again with more behind it.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2};

/// Bytes of a record and its line or number.
pub(crate) type Span = (Range<usize>, u64);

/// A way to find records.
#[derive(Debug)]
pub(crate) enum Framing {
    /// One a line.
    Lines { line: u64 },
    /// Elements of one JSON array.
    Array { begun: bool, closed: bool, number: u64 },
    /// Lines up to a blank one.
    Blocks { line: u64 },
    /// All of it.
    Whole,
}

impl Framing {
    /// Adds the records that are whole and returns the bytes that are done with; `end` says that nothing follows.
    pub(crate) fn split(&mut self, bytes: &[u8], end: bool, spans: &mut Vec<Span>) -> Result<usize, String> {
        match self {
            Self::Lines { line } => Ok(lines(bytes, end, line, spans)),
            Self::Blocks { line } => Ok(blocks(bytes, end, line, spans)),
            Self::Array { begun, closed, number } => array(bytes, end, (begun, closed, number), spans),
            Self::Whole if end => {
                if !is_blank(bytes) {
                    spans.push((0..bytes.len(), 1));
                }
                Ok(bytes.len())
            }
            Self::Whole => Ok(0),
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

fn lines(bytes: &[u8], end: bool, line: &mut u64, spans: &mut Vec<Span>) -> usize {
    let mut from = 0;
    for stop in memchr_iter(b'\n', bytes) {
        *line += 1;
        spans.push((from..stop, *line));
        from = stop + 1;
    }
    if end && from < bytes.len() {
        *line += 1;
        spans.push((from..bytes.len(), *line));
        from = bytes.len();
    }
    from
}

fn blocks(bytes: &[u8], end: bool, line: &mut u64, spans: &mut Vec<Span>) -> usize {
    let (mut from, mut here, mut done) = (0, *line, 0);
    let mut block: Option<Span> = None;
    while from < bytes.len() {
        let stop = match memchr(b'\n', &bytes[from..]) {
            Some(length) => from + length,
            None if end => bytes.len(),
            None => break,
        };
        here += 1;
        if !is_blank(&bytes[from..stop]) {
            match &mut block {
                Some((span, _)) => span.end = stop,
                None => block = Some((from..stop, here)),
            }
        } else {
            spans.extend(block.take());
            (done, *line) = (stop + 1, here);
        }
        from = stop + 1;
    }
    if end {
        spans.extend(block.take());
        done = bytes.len();
    }
    done.min(bytes.len())
}

type Array<'a> = (&'a mut bool, &'a mut bool, &'a mut u64);

fn array(bytes: &[u8], end: bool, (begun, closed, number): Array<'_>, spans: &mut Vec<Span>) -> Result<usize, String> {
    let mut at = 0;
    loop {
        while at < bytes.len() && (bytes[at].is_ascii_whitespace() || (*begun && !*closed && bytes[at] == b',')) {
            at += 1;
        }
        let Some(&byte) = bytes.get(at) else {
            return if end && !*closed { Err("the array has no end".into()) } else { Ok(at) };
        };
        match byte {
            _ if *closed => return Err("there is more behind the array".into()),
            b'[' if !*begun => {
                *begun = true;
                at += 1;
            }
            _ if !*begun => return Err("it does not begin with an array".into()),
            b']' => {
                *closed = true;
                at += 1;
            }
            _ => match value_end(&bytes[at..], end) {
                Some(length) => {
                    *number += 1;
                    spans.push((at..at + length, *number));
                    at += length;
                }
                None if end => return Err(format!("the file ends within record {}", *number + 1)),
                None => return Ok(at),
            },
        }
    }
}

/// Length of the JSON value at the start of these bytes, if it is all there.
fn value_end(bytes: &[u8], end: bool) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at.max(1)),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at = string_end(bytes, at)?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b',' if depth == 0 => return Some(at.max(1)),
            _ => {}
        }
        at += 1;
    }
    (end && depth == 0).then_some(at)
}

/// The place behind the string that opens at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    at += 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Framing;

    const ALL: [fn() -> Framing; 4] = [
        || Framing::Lines { line: 0 },
        || Framing::Blocks { line: 0 },
        || Framing::Array { begun: false, closed: false, number: 0 },
        || Framing::Whole,
    ];

    /// The records of a text that is handed in piece by piece.
    fn records(mut framing: Framing, text: &[u8], piece: usize) -> Result<Vec<(String, u64)>, String> {
        let (mut buffer, mut found, mut given) = (Vec::new(), Vec::new(), 0);
        loop {
            let stop = (given + piece).min(text.len());
            buffer.extend_from_slice(&text[given..stop]);
            given = stop;
            let mut spans = Vec::new();
            let done = framing.split(&buffer, given == text.len(), &mut spans)?;
            found.extend(spans.into_iter().map(|(s, n)| (String::from_utf8_lossy(&buffer[s]).into_owned(), n)));
            buffer.drain(..done);
            if given == text.len() {
                return Ok(found);
            }
        }
    }

    fn texts(framing: Framing, text: &str) -> Vec<(String, u64)> {
        records(framing, text.as_bytes(), 1 << 20).expect("records")
    }

    fn want(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
        pairs.iter().map(|(text, number)| (text.to_string(), *number)).collect()
    }

    #[test]
    fn each_framing() {
        assert_eq!(texts(ALL[0](), "a\n\nb"), want(&[("a", 1), ("", 2), ("b", 3)]));
        assert_eq!(texts(ALL[1](), "\n\na\nb\n \n\nc\n"), want(&[("a\nb", 3), ("c", 7)]));
        assert_eq!(
            texts(ALL[2](), r#" [{"a": "]}\"" }, [1, {}],3, "x,y" ] "#),
            want(&[(r#"{"a": "]}\"" }"#, 1), ("[1, {}]", 2), ("3", 3), (r#""x,y""#, 4)])
        );
        assert_eq!(texts(ALL[3](), "a\n\nb"), want(&[("a\n\nb", 1)]));
    }

    #[test]
    fn arrays_that_do_not_end() {
        for (text, word) in [("[{\"a\": 1}, {", "within record 2"), ("[1, ", "no end"), ("[1] x", "more behind")] {
            let error = records(ALL[2](), text.as_bytes(), 100).expect_err(text);
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[\\[\\]{}\",\\\\ab \n]{0,60}", piece in 1usize..9) {
            for framing in ALL {
                prop_assert_eq!(records(framing(), text.as_bytes(), piece), records(framing(), text.as_bytes(), 100));
            }
        }
    }
}
