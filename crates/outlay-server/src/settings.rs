//! What the command hands in, and the way from there to a running server; the tokens of one.
//!
//! Does not know: flags, environment, terminal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::guard::Guard;
use crate::hub::Hub;
use crate::store::{self, Broken, Store};
use crate::token::{self, Scope};
use crate::{App, listen, routes};

/// Says which day it is, as `YYYY-MM-DD`.
pub(crate) type Day = Arc<dyn Fn() -> String + Send + Sync>;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Holders of tokens, unless the address is one of this machine alone.
    Usual,
    /// Holders of tokens.
    Tokens,
    /// Anybody who reaches the address.
    Anybody,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Faults of ours alone.
    Error,
    /// What an operator should look at.
    Warn,
    /// Every request.
    Info,
    /// Every connection.
    Debug,
}

/// The log, on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// How much.
    pub level: Level,
    /// One JSON object a line rather than text.
    pub json: bool,
}

/// What a client may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body, in bytes.
    pub body: usize,
    /// All bodies that are being read, in bytes.
    pub bodies: usize,
    /// Time for the head of a request.
    pub head_time: Duration,
    /// Time for its body, and for reading a part of the answer.
    pub body_time: Duration,
    /// Time for a search of plans; then the best so far is the answer, and says so.
    pub search: Duration,
    /// Time for an answer, the wait for a free processor included.
    pub patience: Duration,
    /// Searches that may wait for one to end.
    pub searches: usize,
    /// Open connections.
    pub connections: usize,
    /// Memory of the process, in bytes, above which nothing new is begun.
    pub memory: Option<u64>,
    /// Time to finish what is being answered when the server ends.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            bodies: 64 << 20,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            search: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            searches: 64,
            connections: 1_024,
            memory: Some(2 << 30),
            grace: Duration::from_secs(10),
        }
    }
}

/// A server to be.
pub struct Settings {
    /// Where it listens; port 0: any.
    pub address: SocketAddr,
    /// `sqlite:…` or `postgres://…`.
    pub database: String,
    /// Who may ask.
    pub access: Access,
    /// Names it may be asked under, beside those of this machine.
    pub hosts: Vec<String>,
    /// What a client may take.
    pub limits: Limits,
    /// The log.
    pub log: Log,
    /// Says which day it is.
    pub today: Arc<dyn Fn() -> String + Send + Sync>,
    /// The model hub.
    pub hub: Arc<dyn Hub>,
    /// Told where it listens, once it does.
    pub ready: Box<dyn FnOnce(SocketAddr) + Send>,
}

/// Why a server did not start, or a token was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub message: String,
    /// Where: an option of the command.
    pub at: String,
    /// The way out.
    pub help: String,
}

impl Trouble {
    fn new(message: impl Into<String>, at: &str, help: &str) -> Self {
        Self { message: message.into(), at: at.into(), help: help.into() }
    }
}

fn database(broken: &Broken) -> Trouble {
    Trouble::new(
        format!("the database cannot be used: {broken}"),
        "--database",
        "a file of SQLite needs a folder that can be written, PostgreSQL an address as postgres://user@host/name",
    )
}

fn runtime() -> Result<Runtime, Trouble> {
    let runtime = Builder::new_multi_thread().enable_all().max_blocking_threads(64).build();
    runtime.map_err(|error| Trouble::new(error.to_string(), "", "the system gives no threads"))
}

/// The address of a database in a file.
#[must_use]
pub fn sqlite(path: &Path) -> String {
    store::sqlite(path)
}

/// Serves until the process is asked to end.
///
/// # Errors
/// The address is taken, the database cannot be used, or nobody holds a token.
pub fn serve(settings: Settings) -> Result<(), Trouble> {
    log(settings.log);
    let runtime = runtime()?;
    let outcome = runtime.block_on(run(settings, listen::signal()));
    // What nobody waits for any more is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// As [`serve`], until `stop`.
pub(crate) async fn run(settings: Settings, stop: impl Future<Output = ()>) -> Result<(), Trouble> {
    let Settings { address, database: place, access, hosts, limits, log: _, today, hub, ready } = settings;
    let store = Store::open(&place).await.map_err(|broken| database(&broken))?;
    let local = address.ip().is_loopback();
    let tokens = match access {
        Access::Usual => !local,
        Access::Tokens => true,
        Access::Anybody => false,
    };
    if tokens {
        let all = store.tokens().await.map_err(|broken| database(&broken))?;
        if all.iter().all(|token| token.revoked != 0) {
            return Err(Trouble::new(
                format!("{address} can be reached by others, and nobody holds a token"),
                "--listen",
                "make one with `outlay serve token add NAME`, listen on 127.0.0.1, or say --insecure",
            ));
        }
    }
    // Whoever may be asked by anybody, or asks for tokens, may have any name.
    let hosts = (!tokens && access != Access::Anybody).then(|| {
        let own = ["localhost", "127.0.0.1", "[::1]"].into_iter().map(str::to_owned);
        own.chain([host(address)]).chain(hosts.iter().map(|host| host.to_ascii_lowercase())).collect()
    });
    let app = App::new(store, Guard { tokens, hosts }, limits, hub, today);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Trouble::new(format!("{address} cannot be listened on: {error}"), "--listen", "name another address or port")
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    tracing::info!(address = %bound, tokens, "listening");
    ready(bound);
    listen::serve(listener, routes::router(&app), app.clone(), stop).await;
    app.store.close().await;
    tracing::info!("ended");
    Ok(())
}

/// An address as a browser names it.
fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn log(log: Log) {
    let level = match log.level {
        Level::Error => tracing::Level::ERROR,
        Level::Warn => tracing::Level::WARN,
        Level::Info => tracing::Level::INFO,
        Level::Debug => tracing::Level::DEBUG,
    };
    let text = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false);
    // Whoever has a log already keeps it.
    let _ = if log.json { text.json().flatten_event(true).with_span_list(false).try_init() } else { text.try_init() };
}

/// A token as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// By which it is revoked.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// `read` or `write`.
    pub scope: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Seconds since 1970, once it is revoked.
    pub revoked: Option<i64>,
}

/// Makes a token; its text is never to be had again.
///
/// # Errors
/// The database cannot be used.
pub fn add_token(place: &str, name: &str, scope: Scope) -> Result<String, Trouble> {
    let made = token::make(name, scope, crate::now())
        .map_err(|error| Trouble::new(format!("no random numbers: {error}"), "", "this system cannot make tokens"))?;
    runtime()?.block_on(async {
        let store = Store::open(place).await.map_err(|broken| database(&broken))?;
        store.add_token(&made.row).await.map_err(|broken| database(&broken))?;
        store.close().await;
        Ok(made.text)
    })
}

/// Every token, oldest first.
///
/// # Errors
/// The database cannot be used.
pub fn tokens(place: &str) -> Result<Vec<TokenInfo>, Trouble> {
    runtime()?.block_on(async {
        let store = Store::open(place).await.map_err(|broken| database(&broken))?;
        let rows = store.tokens().await.map_err(|broken| database(&broken))?;
        store.close().await;
        let info = |row: store::TokenRow| TokenInfo {
            id: row.id,
            name: row.name,
            scope: row.scope,
            created: row.created,
            revoked: (row.revoked != 0).then_some(row.revoked),
        };
        Ok(rows.into_iter().map(info).collect())
    })
}

/// Revokes a token, from this moment on; whether there was one to revoke.
///
/// # Errors
/// The database cannot be used.
pub fn revoke_token(place: &str, id: &str) -> Result<bool, Trouble> {
    runtime()?.block_on(async {
        let store = Store::open(place).await.map_err(|broken| database(&broken))?;
        let done = store.revoke(id, crate::now()).await.map_err(|broken| database(&broken))?;
        store.close().await;
        Ok(done)
    })
}
