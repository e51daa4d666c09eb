//! How answers look: tables, bars and trees for a terminal, Markdown, JSON.
//!
//! Text is always built with its styles; the stream strips them where they are not wanted.

pub(crate) mod answer;
pub(crate) mod bar;
pub(crate) mod curves;
pub(crate) mod difference;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod table;
pub(crate) mod tornado;
pub(crate) mod tree;
