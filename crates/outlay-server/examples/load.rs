//! How the server bears many clients: `load --clients 200 --seconds 60 [--every 1.0] [--vary] [--pid PID] ADDRESS`.
//!
//! Without `--every`, each client asks again as soon as it is answered, which takes all of a machine that both share. With
//! it, each asks once in so many seconds, and time counts from the moment at which it meant to ask, so that a server that
//! stalls is not spared. `--vary` asks something else each time, so that no answer is one that was kept.
//!
//! Does not know: what is answered, beyond its status.

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone)]
struct Wanted {
    address: String,
    clients: u32,
    time: Duration,
    every: Option<Duration>,
    vary: bool,
    pid: Option<String>,
}

#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    errors: u64,
}

fn wanted() -> Result<Wanted, Box<dyn Error>> {
    let mut wanted = Wanted {
        address: "127.0.0.1:8383".into(),
        clients: 200,
        time: Duration::from_secs(60),
        every: None,
        vary: false,
        pid: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--clients" => wanted.clients = value()?.parse()?,
            "--seconds" => wanted.time = Duration::from_secs_f64(value()?.parse()?),
            "--every" => wanted.every = Some(Duration::from_secs_f64(value()?.parse()?)),
            "--vary" => wanted.vary = true,
            "--pid" => wanted.pid = Some(value()?),
            _ if !word.starts_with('-') => wanted.address = word,
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok(wanted)
}

fn asked(tokens: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"model": {{"base": "llama-3.1-8b"}}, "method": {{"kind": "qlora"}}, "data": {{"tokens": {tokens}, "epochs": 3}},
            "hardware": {{"accelerators": ["h100-sxm"], "gpus": 1}}}}"#
    );
    let head = "POST /api/v1/estimate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Whether an answer came with status 200; reads it to its end.
async fn answered(stream: &mut TcpStream, read: &mut Vec<u8>) -> Result<bool, Box<dyn Error + Send + Sync>> {
    read.clear();
    loop {
        if stream.read_buf(read).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let whole = end + 4 + length.ok_or("no length")?.trim().parse::<usize>()?;
        while read.len() < whole {
            if stream.read_buf(read).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
        return Ok(head.starts_with("http/1.1 200"));
    }
}

async fn client(number: u32, wanted: Wanted, start: Instant) -> Seen {
    let (mut seen, mut read, mut stream) = (Seen::default(), Vec::new(), None);
    let end = start + wanted.time;
    // Clients that pace themselves do not all begin at once.
    let mut due = start + wanted.every.unwrap_or_default() * number / wanted.clients;
    for turn in 0_u64.. {
        if wanted.every.is_some() {
            tokio::time::sleep_until(due.into()).await;
        } else {
            due = Instant::now();
        }
        if due >= end {
            break;
        }
        let tokens = 6_000_000 + if wanted.vary { u64::from(number) * 1_000_000 + turn } else { 0 };
        let outcome = async {
            if stream.is_none() {
                let new = TcpStream::connect(&wanted.address).await?;
                new.set_nodelay(true)?;
                stream = Some(new);
            }
            let Some(stream) = stream.as_mut() else { return Ok(false) };
            stream.write_all(&asked(tokens)).await?;
            answered(stream, &mut read).await
        };
        if let Ok(true) = outcome.await {
            seen.times.push(due.elapsed());
        } else {
            seen.errors += 1;
            stream = None;
        }
        due += wanted.every.unwrap_or_default();
    }
    seen
}

fn resident(pid: Option<&String>) -> String {
    let status = pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/status")).ok()).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map_or("unknown".into(), |size| size.trim().into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wanted = wanted()?;
    let before = resident(wanted.pid.as_ref());
    let start = Instant::now();
    let clients: Vec<_> = (0..wanted.clients).map(|n| tokio::spawn(client(n, wanted.clone(), start))).collect();
    tokio::time::sleep(wanted.time / 2).await;
    let halfway = resident(wanted.pid.as_ref());
    let (mut times, mut errors) = (Vec::new(), 0);
    for client in clients {
        let seen = client.await?;
        times.extend(seen.times);
        errors += seen.errors;
    }
    let took = start.elapsed().as_secs_f64();
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    eprintln!("{} answers in {took:.1} s, {:.0} a second, {errors} errors", times.len(), times.len() as f64 / took);
    let last = times.last().copied().unwrap_or_default();
    eprintln!("half {:.1?}, 90 % {:.1?}, 99 % {:.1?}, longest {last:.1?}", at(0.5), at(0.9), at(0.99));
    eprintln!("resident: {before} before, {halfway} halfway, {} after", resident(wanted.pid.as_ref()));
    Ok(())
}
