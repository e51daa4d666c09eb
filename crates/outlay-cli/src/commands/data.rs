//! `outlay data scan`: what a real data set holds.
//!
//! The scan is `outlay-data`'s; here it is shown, or written as JSON for a job file to name. A bar on stderr says how far
//! it has come, where stderr is a terminal.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;

use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};
use outlay_data::{PADDING_BATCH, Progress, Request, Scan, Sequence, TextUnit};

use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::render::format::{duration, number, percent, si, whole};
use crate::render::json;
use crate::render::table::{Table, figures};
use crate::render::tree::wrap;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Measure a data set: tokens, lengths, packing, duplicates
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Scan(ScanArgs),
}

/// Count a data set's samples and tokens, and show what their lengths mean for training
///
/// Reads JSON lines, JSON arrays, Parquet, Arrow and plain text, the former also packed with gzip or zstd. Written with
/// --json to a file, the result can be named in a job file.
#[derive(Debug, clap::Args)]
struct ScanArgs {
    /// A file, or a folder of files
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// The model's tokenizer.json, or the folder that holds it; tokens are estimated from bytes if left out
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,

    /// The field that holds the text; found by its name if left out
    #[arg(long, value_name = "NAME")]
    field: Option<String>,

    /// Sequence lengths to look at; powers of two from 512 to 32768 if left out
    #[arg(long, value_name = "TOKENS", value_delimiter = ',')]
    seq_len: Vec<u64>,

    /// Take each file of plain text as one sample, not each block between blank lines
    #[arg(long)]
    whole_files: bool,

    /// Print the answer as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// Scans and shows.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let Command::Scan(args) = &args.command;
    let request = Request {
        tokenizer: args.tokenizer.clone(),
        field: args.field.clone(),
        seq_lens: args.seq_len.clone(),
        text: if args.whole_files { TextUnit::File } else { TextUnit::Block },
        ..Request::new(&args.path)
    };
    let mut bar = Bar::new();
    let scan = outlay_data::scan(&request, &mut bar);
    bar.clear();
    let scan = scan.map_err(|faults| Failure::Faults(faults.into_iter().map(Fault::from).collect()))?;
    if args.json {
        return json::text(serde_json::to_value(&scan)).map(Answer::new);
    }
    let mut answer = Answer::new(terminal(&scan, context.width));
    answer.notes = format!(
        "to plan with it: outlay data scan {} … --json > scan.json, `scan = \"scan.json\"` under [data] in job.toml, \
         outlay plan job.toml\n",
        args.path.display()
    );
    Ok(answer)
}

impl From<outlay_data::Fault> for Fault {
    fn from(fault: outlay_data::Fault) -> Self {
        let outlay_data::Fault { code, message, at, help } = fault;
        Self { code: code.into(), message, at, help }
    }
}

/// A bar, if there is anybody to see it.
struct Bar(Option<ProgressBar>);

impl Bar {
    fn new() -> Self {
        let seen = std::io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
        Self(style.ok().filter(|_| seen).map(|style| ProgressBar::new(0).with_style(style)))
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Bar {
    fn read(&mut self, done: u64, of: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(of);
            bar.set_position(done);
        }
    }
}

fn terminal(scan: &Scan, width: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}\n", verdict(scan));
    let _ = writeln!(text, "{DIM}{}{DIM:#}\n", set(scan));
    let mut section = |title: &str, lines: &[String]| {
        let _ = writeln!(text, "{BOLD}{title}{BOLD:#}");
        for line in lines.iter().flat_map(|line| wrap(line, width.saturating_sub(2))) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    };
    section("lengths, in tokens", &[lengths(scan)]);
    section("text", &contents(scan));
    let _ = writeln!(text, "{BOLD}by sequence length{BOLD:#}");
    text.push_str(&sequences(scan).terminal(width));
    let _ = writeln!(text, "\n{BOLD}rates on this machine{BOLD:#}");
    for line in rates(scan) {
        let _ = writeln!(text, "  {line}");
    }
    for note in &scan.notes {
        let _ = writeln!(text, "\n{}", wrap(&format!("note: {note}"), width).join("\n"));
    }
    text
}

fn about(scan: &Scan) -> &'static str {
    if scan.estimated { "about " } else { "" }
}

/// The one sentence: how much there is, and what packing is worth where nearly every sample fits whole.
fn verdict(scan: &Scan) -> String {
    let fits = |sequence: &&Sequence| sequence.seq_len >= scan.lengths.p99;
    let packing = scan.sequence.iter().find(fits).or(scan.sequence.last()).map_or(String::new(), |at| {
        format!(
            "; of sequences of {}, packing fills {}, padding in eights {}",
            whole(at.seq_len),
            percent(at.packing),
            percent(at.padding_to_longest)
        )
    });
    let samples = if scan.samples == 1 { "sample" } else { "samples" };
    format!("{} {samples}, {}{} tokens{packing}", whole(scan.samples), about(scan), si(scan.tokens as f64))
}

fn set(scan: &Scan) -> String {
    let files = if scan.files == 1 { String::new() } else { format!(", {} files", whole(scan.files)) };
    let counted = match &scan.tokenizer {
        Some(tokenizer) => format!("counted with {} ({} tokens)", tokenizer.file, whole(tokenizer.vocab_size)),
        None if scan.estimated => "tokens estimated from bytes, ±20 %".into(),
        None => "tokens as stored".into(),
    };
    format!("{}{files}, {}B, {counted}", scan.path, spaced(scan.bytes as f64))
}

/// A count with its prefix, ready for a unit: bytes are `12 k`B and `1.2 G`B.
fn spaced(count: f64) -> String {
    let text = si(count).replace(" B", " G");
    if text.contains(' ') { text } else { text + " " }
}

fn lengths(scan: &Scan) -> String {
    let l = &scan.lengths;
    let about = about(scan);
    format!(
        "{about}{} to {}, mean {}, median {}; nine in ten up to {}, 99 in a hundred up to {}",
        whole(l.min),
        whole(l.max),
        number(l.mean),
        whole(l.median),
        whole(l.p90),
        whole(l.p99)
    )
}

fn contents(scan: &Scan) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(per_byte) = scan.tokens_per_byte {
        lines.push(format!("{}{} tokens a byte", about(scan), number(per_byte)));
    }
    let fair = if scan.duplicates.exact { "" } else { "about " };
    lines.push(format!("{fair}{} of samples are exact duplicates", percent(scan.duplicates.share)));
    if let Some(share) = scan.compressed_share {
        lines.push(format!("compresses to {}", percent(share)));
    }
    if scan.empty > 0 {
        lines.push(format!("empty records, left out: {}", whole(scan.empty)));
    }
    if scan.broken.records > 0 {
        lines.push(format!("unreadable records, left out: {}", whole(scan.broken.records)));
        lines.extend(scan.broken.first.iter().map(|b| format!("at {}:{}: {}", b.file, b.line, b.reason)));
    }
    lines
}

fn sequences(scan: &Scan) -> Table {
    const { assert!(PADDING_BATCH == 8) };
    let mut table = Table::new(&[
        figures("tokens"),
        figures("packed"),
        figures("padded in eights"),
        figures("padded in full").spare(3),
        figures("samples cut"),
        figures("tokens cut"),
        figures("attention").spare(2),
    ]);
    for at in &scan.sequence {
        table.row(vec![
            whole(at.seq_len),
            percent(at.packing),
            percent(at.padding_to_longest),
            percent(at.padding_to_full),
            percent(at.truncated_samples),
            percent(at.truncated_tokens),
            percent(at.attention_share),
        ]);
    }
    table
}

fn rates(scan: &Scan) -> Vec<String> {
    let rates = &scan.rates;
    let mut lines = Vec::new();
    if let Some(rate) = rates.read_mb_s {
        lines.push(format!("{} MB/s read, from memory if the system still held the files", number(rate)));
    }
    if let (Some(tokens), Some(bytes)) = (rates.tokens_per_s_per_core, rates.mb_per_s_per_core) {
        lines.push(format!("{} tokens/s counted a core, {} MB/s of text", si(tokens), number(bytes)));
    }
    if let Some(rate) = rates.settled_mb_per_s_per_core {
        lines.push(format!("{} MB/s a core with the tokenizers release of training programs", number(rate)));
    }
    let threads = if rates.threads == 1 { "thread" } else { "threads" };
    lines.push(format!("{} on {} {threads}", duration(rates.seconds), rates.threads));
    lines
}
