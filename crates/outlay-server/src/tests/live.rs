//! Over a real socket: slow clients, many clients, clients that leave, and the end of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{OneModel, TODAY, long_job, small_job};
use crate::settings::{Access, Level, Limits, Log, Settings, Trouble};
use crate::token::Scope;

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Live {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Trouble>>,
    _folder: TempDir,
}

fn settings(
    folder: &TempDir,
    address: &str,
    access: Access,
    limits: Limits,
) -> (Settings, oneshot::Receiver<SocketAddr>) {
    let (tell, hear) = oneshot::channel();
    let settings = Settings {
        address: address.parse().unwrap(),
        database: crate::sqlite(&folder.path().join("x.db")),
        access,
        hosts: Vec::new(),
        limits,
        log: Log { level: Level::Error, json: false },
        today: Arc::new(|| TODAY.into()),
        hub: Arc::new(OneModel),
        // Who asks for nothing but the refusal does not listen.
        ready: Box::new(|address| {
            let _ = tell.send(address);
        }),
    };
    (settings, hear)
}

impl Live {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (settings, ready) = settings(&folder, "127.0.0.1:0", Access::Usual, limits);
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(crate::settings::run(settings, async { drop(stopped.await) }));
        Self { address: ready.await.expect("a server"), stop, ended, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// A connection on which this was sent.
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.expect("a connection");
        stream
    }

    async fn ask(&self, text: &str) -> String {
        rest(self.send(text).await).await
    }

    async fn end(self) {
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(PATIENCE, self.ended).await.expect("it ends").expect("no panic");
        assert_eq!(ended, Ok(()));
    }
}

/// What still comes, until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("it ends");
    // A connection that was reset ends as well.
    let _ = read;
    String::from_utf8_lossy(&text).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn post(path: &str, body: &Value, more: &str) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_let_go() {
    let short = Duration::from_millis(300);
    let live = Live::start(Limits { head_time: short, body_time: short, ..Limits::default() }).await;
    let start = Instant::now();
    // A head that never ends, a connection that says nothing, one that asked and stays.
    let head = live.send("GET / HTTP/1.1\r\nHost: loc").await;
    let silent = live.connect().await;
    let stays = live.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let body = live.ask("POST /api/v1/plan HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{").await;
    assert_eq!(status(&body), 408, "{body}");
    assert!(body.contains("too-slow"), "{body}");
    rest(head).await;
    rest(silent).await;
    assert_eq!(status(&rest(stays).await), 200);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(status(&live.ask(&get("/healthz")).await), 200);
    live.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_beyond_reason_and_lines_that_are_none() {
    let live = Live::start(Limits::default()).await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    assert!(matches!(status(&live.ask(&long).await), 431 | 0));
    for line in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
    ] {
        assert!(matches!(status(&live.ask(line).await), 400 | 0), "{line:?}");
    }
    // Two lengths are how requests are smuggled.
    let two = "POST /api/v1/plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}";
    assert!(matches!(status(&live.ask(two).await), 400 | 0));
    assert_eq!(status(&live.ask(&get("/healthz")).await), 200);
    live.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_at_once() {
    let live = Arc::new(Live::start(Limits { connections: 100, ..Limits::default() }).await);
    let clients: Vec<JoinHandle<Vec<u16>>> = (0..200)
        .map(|_| {
            let live = live.clone();
            tokio::spawn(async move {
                let mut codes = Vec::new();
                for _ in 0..5 {
                    codes.push(status(&live.ask(&post("/api/v1/estimate", &small_job(), "")).await));
                }
                codes
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap(), [200; 5]);
    }
    Arc::into_inner(live).expect("all clients are gone").end().await;
}

/// Two searches run, nobody may wait: a third is refused until a client of the others goes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_ends_when_its_client_goes() {
    let limits = Limits { searches: 0, search: PATIENCE, patience: PATIENCE, ..Limits::default() };
    let live = Live::start(limits).await;
    let mut events = live.send(&post("/api/v1/plan", &long_job(), "Accept: text/event-stream\r\n")).await;
    let mut plain = live.send(&post("/api/v1/plan", &long_job(), "")).await;
    let mut first = vec![0; 4096];
    let read = events.read(&mut first).await.unwrap();
    assert!(String::from_utf8_lossy(&first[..read]).contains("200 OK"));
    let start = Instant::now();
    let busy = loop {
        let text = live.ask(&post("/api/v1/plan", &small_job(), "")).await;
        if status(&text) == 503 {
            break text;
        }
        assert!(start.elapsed() < PATIENCE / 3, "{text}");
        // A small search that came first took the long one's place, so that this was refused.
        if tokio::time::timeout(Duration::from_millis(20), plain.read(&mut [0; 16])).await.is_ok() {
            plain = live.send(&post("/api/v1/plan", &long_job(), "")).await;
        }
    };
    assert!(busy.to_ascii_lowercase().contains("retry-after: 1\r\n") && busy.contains("\"busy\""), "{busy}");
    drop(events);
    wait(&live, 200).await;
    drop(plain);
    let again = live.send(&post("/api/v1/plan", &long_job(), "")).await;
    wait(&live, 200).await;
    drop(again);
    live.end().await;
}

/// Asks for a small plan until the answer has this status.
async fn wait(live: &Live, wanted: u16) -> String {
    let start = Instant::now();
    loop {
        let text = live.ask(&post("/api/v1/plan", &small_job(), "")).await;
        if status(&text) == wanted {
            return text;
        }
        assert!(start.elapsed() < PATIENCE / 3, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_a_gentle_one() {
    let live = Live::start(Limits { search: PATIENCE, patience: PATIENCE, grace: PATIENCE, ..Limits::default() }).await;
    let address = live.address;
    let asked = live.send(&post("/api/v1/plan", &long_job(), "")).await;
    let idle = live.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    live.end().await;
    let answer = rest(asked).await;
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("the search was ended early"), "{answer}");
    assert_eq!(status(&rest(idle).await), 200);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_answered_only_with_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let (refused, _) = settings(&folder, "0.0.0.0:0", Access::Usual, Limits::default());
    let trouble = crate::settings::run(refused, async {}).await.unwrap_err();
    assert!(trouble.message.contains("nobody holds a token") && trouble.help.contains("token add"), "{trouble:?}");
    let (open, ready) = settings(&folder, "0.0.0.0:0", Access::Anybody, Limits::default());
    assert_eq!(crate::settings::run(open, async { drop(ready.await) }).await, Ok(()));
    let place = crate::sqlite(&folder.path().join("x.db"));
    let made = tokio::task::spawn_blocking(move || crate::add_token(&place, "ci", Scope::Read)).await.unwrap();
    assert!(made.unwrap().starts_with("outlay_"));
    let (locked, ready) = settings(&folder, "0.0.0.0:0", Access::Usual, Limits::default());
    assert_eq!(crate::settings::run(locked, async { drop(ready.await) }).await, Ok(()));
}
