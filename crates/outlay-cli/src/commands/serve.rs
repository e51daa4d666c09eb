//! `outlay serve`: the HTTP API and the page; the tokens of those who may ask.
//!
//! Does not know: HTTP. Here flags become settings, and the hub's client is handed in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use outlay::Problem;
use outlay::problem::Code;
use outlay_server::{Access, Level, Limits, Log, Scope, Settings, Trouble};
use serde_json::json;

use crate::cli::Answer;
use crate::context::{self, Context};
use crate::failure::{Failure, Fault};
use crate::hub::{self, Hub};
use crate::render::json;
use crate::render::table::{Table, words};

/// Serve the HTTP API and the page
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,

    /// Address to listen on; others than this machine need a token (`outlay serve token add`)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8383", env = "OUTLAY_LISTEN")]
    listen: SocketAddr,

    /// Saved plans and tokens: sqlite:FILE or postgres://…; a file in the data folder if left out
    #[arg(long, value_name = "URL", env = "OUTLAY_DATABASE", hide_env_values = true, global = true)]
    database: Option<String>,

    /// Ask for tokens on this machine too, as behind a proxy
    #[arg(long, conflicts_with = "insecure")]
    tokens: bool,

    /// Answer anybody who reaches the address
    #[arg(long)]
    insecure: bool,

    /// A name the server may be asked under, where it asks for no tokens
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// Largest body, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 1024, help_heading = "Limits")]
    max_body: u32,

    /// Longest search, in seconds; then the best so far is the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, help_heading = "Limits")]
    max_search: u32,

    /// Searches that may wait for one to end
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Limits")]
    max_waiting: u32,

    /// Open connections
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Limits")]
    max_connections: u32,

    /// Memory of the process above which nothing new is begun, in MiB; 0: no limit
    #[arg(long, value_name = "MIB", default_value_t = 2048, help_heading = "Limits")]
    max_memory: u32,

    /// Time to finish what is being answered when asked to end, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, help_heading = "Limits")]
    grace: u32,

    /// Form of the log on stderr
    #[arg(long, value_enum, default_value_t = LogForm::Text, help_heading = "Log")]
    log: LogForm,

    /// How much is logged
    #[arg(long, value_enum, default_value_t = LogLevel::Info, help_heading = "Log")]
    log_level: LogLevel,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make, list and revoke tokens
    Token {
        #[command(subcommand)]
        what: TokenWhat,
    },
}

#[derive(Debug, Subcommand)]
enum TokenWhat {
    /// Make a token and print it, this once
    Add {
        /// Who or what it is for
        name: String,
        /// What it allows
        #[arg(long, value_enum, default_value_t = TokenScope::Read)]
        scope: TokenScope,
    },
    /// List tokens, without their secrets
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token, from now on
    Revoke {
        /// Its id, as the list shows it
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TokenScope {
    /// Ask and read
    Read,
    /// Store and delete plans too
    Write,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogForm {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    /// Faults of ours alone
    Error,
    /// What an operator should look at
    Warn,
    /// Every request
    Info,
    /// Every connection
    Debug,
}

/// Serves until asked to end, or sees to tokens.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let database = database(args)?;
    match &args.what {
        Some(What::Token { what }) => tokens(what, &database, context.width),
        None => serve(args, database, context),
    }
}

fn serve(args: &Args, database: String, context: &Context) -> Result<Answer, Failure> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let limits = Limits {
        body: args.max_body as usize * 1024,
        search: seconds(args.max_search),
        patience: seconds(args.max_search.saturating_add(30)),
        searches: args.max_waiting as usize,
        connections: args.max_connections.max(1) as usize,
        memory: (args.max_memory > 0).then(|| u64::from(args.max_memory) << 20),
        grace: seconds(args.grace),
        ..Limits::default()
    };
    let access = match (args.tokens, args.insecure) {
        (true, _) => Access::Tokens,
        (_, true) => Access::Anybody,
        _ => Access::Usual,
    };
    let fixed = context.given();
    outlay_server::serve(Settings {
        address: args.listen,
        database,
        access,
        hosts: args.host.clone(),
        limits: Limits { bodies: Limits::default().bodies.max(args.max_body as usize * 4096), ..limits },
        log: Log {
            level: match args.log_level {
                LogLevel::Error => Level::Error,
                LogLevel::Warn => Level::Warn,
                LogLevel::Info => Level::Info,
                LogLevel::Debug => Level::Debug,
            },
            json: matches!(args.log, LogForm::Json),
        },
        today: Arc::new(move || fixed.clone().unwrap_or_else(context::clock)),
        hub: Arc::new(context.hub.clone()),
        ready: Box::new(|address| anstream::eprintln!("outlay listens on http://{address}")),
    })
    .map_err(told)?;
    Ok(Answer::new(String::new()))
}

fn tokens(what: &TokenWhat, database: &str, width: usize) -> Result<Answer, Failure> {
    match what {
        TokenWhat::Add { name, scope } => {
            let scope = match scope {
                TokenScope::Read => Scope::Read,
                TokenScope::Write => Scope::Write,
            };
            let text = outlay_server::add_token(database, name, scope).map_err(told)?;
            let notes = "keep it: only its hash is stored, and it is not shown again\n".into();
            Ok(Answer { notes, ..Answer::new(text + "\n") })
        }
        TokenWhat::List { json: as_json } => {
            let all = outlay_server::tokens(database).map_err(told)?;
            if *as_json {
                let rows: Vec<_> = all
                    .iter()
                    .map(|token| {
                        json!({
                            "id": token.id,
                            "name": token.name,
                            "scope": token.scope,
                            "created_unix_s": token.created,
                            "revoked_unix_s": token.revoked,
                        })
                    })
                    .collect();
                return Ok(Answer::new(json::text(Ok(rows.into()))?));
            }
            let mut table = Table::new(&[words("id"), words("name"), words("may"), words("made"), words("revoked")]);
            let day = |seconds: i64| context::civil(u64::try_from(seconds).unwrap_or(0) / 86_400);
            for token in &all {
                let revoked = token.revoked.map_or(String::new(), day);
                let (id, name) = (token.id.clone(), printable(&token.name));
                table.row(vec![id, name, token.scope.clone(), day(token.created), revoked]);
            }
            let notes = if all.is_empty() { "no tokens; make one with `outlay serve token add NAME`\n" } else { "" };
            let text = if all.is_empty() { String::new() } else { table.terminal(width) };
            Ok(Answer { notes: notes.into(), ..Answer::new(text) })
        }
        TokenWhat::Revoke { id } => {
            if outlay_server::revoke_token(database, id).map_err(told)? {
                return Ok(Answer { notes: format!("{id} is revoked\n"), ..Answer::new(String::new()) });
            }
            let fault =
                Fault::new("unknown-token", format!("no token {id:?} that is good"), "outlay serve token revoke");
            Err(fault.help("`outlay serve token list` shows the ids").into())
        }
    }
}

/// A name cannot move the cursor.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn told(trouble: Trouble) -> Failure {
    let Trouble { message, at, help } = trouble;
    Fault::new("serve", message, at).help(help).into()
}

/// The database named, or a file in the data folder, which is made for this user alone.
fn database(args: &Args) -> Result<String, Fault> {
    if let Some(named) = &args.database {
        let known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| named.starts_with(scheme));
        if !known {
            // It may hold a password: it is not repeated.
            let fault = Fault::new("bad-database", "the database is neither sqlite: nor postgres:", "--database");
            return Err(fault.help("sqlite:plans.db, or postgres://user@host/name"));
        }
        return Ok(named.clone());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").or_else(|| set("USERPROFILE")).map(|home| home.join(".local").join("share"));
    let Some(folder) = set("XDG_DATA_HOME").or_else(home).map(|data| data.join("outlay")) else {
        let fault = Fault::new("no-data-folder", "neither HOME nor XDG_DATA_HOME is set", "--database");
        return Err(fault.help("name a file: --database sqlite:plans.db"));
    };
    let path = folder.join("server.db");
    private(&folder, &path).map_err(|error| {
        let fault =
            Fault::new("no-data-folder", format!("{} cannot be written: {error}", path.display()), "--database");
        fault.help("name a file: --database sqlite:plans.db")
    })?;
    Ok(outlay_server::sqlite(&path))
}

/// Makes a file and its folder, readable by their owner alone.
fn private(folder: &std::path::Path, path: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut open = std::fs::OpenOptions::new();
    open.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map(drop)
}

impl outlay_server::Hub for Hub {
    fn is_id(&self, name: &str) -> bool {
        hub::is_id(name)
    }

    fn config(&self, id: &str) -> Result<String, Vec<Problem>> {
        Self::config(self, id).map(|fetched| fetched.text).map_err(|fault| {
            let code = if fault.code == "hub-not-found" { Code::UnknownModel } else { Code::Hub };
            vec![Problem { code, at: fault.at, message: fault.message, help: fault.help }]
        })
    }
}
