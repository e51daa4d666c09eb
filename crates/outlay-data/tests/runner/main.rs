//! Real files of every format, made here, read back; counts compared with the tokenizer library's own.

mod broken;
mod counting;
mod formats;
mod place;
