//! Scans a data set and prints what was found, with the largest memory it took: `scan PATH TOKENIZER [THREADS]`.
//!
//! With `judge` as a fourth argument, every text of a JSONL file's field `text` is counted once more by the settled
//! release of the tokenizer library, one sample at a time, and the two sums are compared.

use std::io::BufRead;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, tokenizer, more @ ..] = args.as_slice() else {
        return Err("usage: scan PATH TOKENIZER [THREADS [judge]]".into());
    };
    let mut request = outlay_data::Request::new(path);
    request.tokenizer = Some(tokenizer.into());
    request.threads = more.first().map(|threads| threads.parse()).transpose()?;
    let scan = outlay_data::scan(&request, &mut ()).map_err(|faults| format!("{faults:#?}"))?;
    let mut out = std::io::stdout().lock();
    use std::io::Write as _;
    writeln!(out, "{}", serde_json::to_string_pretty(&scan)?)?;
    let on_disk = std::fs::metadata(path)?.len() as f64 / 1e6;
    writeln!(
        out,
        "{:.1} MB/s of the file, {:.1} MB/s of text",
        on_disk / scan.rates.seconds,
        scan.bytes as f64 / 1e6 / scan.rates.seconds
    )?;
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).try_for_each(|line| writeln!(out, "{line}"))?;
    }
    if more.get(1).is_some_and(|word| word == "judge") {
        let mut settled = tokenizers::Tokenizer::from_file(tokenizer).map_err(|error| error.to_string())?;
        settled.with_truncation(None).map_err(|error| error.to_string())?;
        settled.with_padding(None);
        let mut sum = 0;
        for line in std::io::BufReader::new(std::fs::File::open(path)?).lines() {
            let record: serde_json::Value = serde_json::from_str(&line?)?;
            let text = record["text"].as_str().ok_or("a record without `text`")?;
            sum += settled.encode(text, false).map_err(|error| error.to_string())?.len() as u64;
        }
        writeln!(
            out,
            "scan {}, encode {sum}: {}",
            scan.tokens,
            if sum == scan.tokens { "equal" } else { "DIFFERENT" }
        )?;
    }
    Ok(())
}
