//! A PostgreSQL of our own: made for the tests in a folder of its own, run by a user without rights, gone with them.
//!
//! Where there is no `initdb`, the tests say so and go on without, unless `OUTLAY_NEED_POSTGRES` is set, as the test
//! command of the project does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

/// A cluster of databases, reached over a socket in its folder.
pub(super) struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    /// Ends the server when its stdin closes, which it also does when the tests die.
    keeper: Option<Child>,
}

/// One for all tests of this process.
pub(super) fn shared() -> Option<&'static Cluster> {
    static ONE: OnceLock<Option<Cluster>> = OnceLock::new();
    ONE.get_or_init(Cluster::start).as_ref()
}

/// The folder of PostgreSQL's programs.
fn bin() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|all| all.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// A command of PostgreSQL's, which refuses to be run by root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

impl Cluster {
    /// A new one; `None`, said aloud, where PostgreSQL is not installed.
    pub(super) fn start() -> Option<Self> {
        let Some(bin) = bin() else {
            assert!(std::env::var_os("OUTLAY_NEED_POSTGRES").is_none(), "no initdb: install postgresql");
            eprintln!("NOT TESTED over PostgreSQL: no initdb on this machine (apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("outlay-pg").tempdir_in("/tmp").expect("a place for tests");
        if is_root() {
            let owned = Command::new("chown").arg("nobody:nogroup").arg(folder.path()).status();
            assert!(owned.is_ok_and(|status| status.success()), "chown");
        }
        let mut made = unprivileged(&bin.join("initdb"));
        made.args(["--auth=trust", "--username=outlay", "--encoding=UTF8", "--no-sync", "-D"]);
        let made = made.arg(folder.path().join("data")).current_dir("/").output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut cluster = Self { bin, folder, keeper: None };
        cluster.run();
        Some(cluster)
    }

    /// Starts the server and waits until it answers.
    pub(super) fn run(&mut self) {
        let (data, socket) = (self.folder.path().join("data"), self.folder.path());
        let mut server = unprivileged(Path::new("sh"));
        // Immediate shutdown on SIGQUIT: nothing in it is worth a checkpoint. Nobody who asks is left when the tests have
        // ended, and then the folder goes too.
        let script = "\"$1\" -D \"$2\" -k \"$3\" -c listen_addresses= -c fsync=off -c max_connections=60 >/dev/null 2>&1 & \
                      server=$!; read -r _; asked=$?; kill -QUIT $server; wait $server; \
                      [ $asked = 0 ] || rm -rf \"$3\"";
        server.args(["-c", script, "sh"]).arg(self.bin.join("postgres")).arg(data).arg(socket);
        let keeper = server.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("postgres");
        self.keeper = Some(keeper);
        for _ in 0..400 {
            if self.sql("postgres", "select 1").is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start");
    }

    /// Ends the server at once, as a crash would.
    pub(super) fn stop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(stdin) = &mut keeper.stdin {
                let _ = stdin.write_all(b"\n");
            }
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }

    fn sql(&self, database: &str, sql: &str) -> Result<(), String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(self.folder.path()).args(["-U", "outlay", "-q", "-c", sql, database]);
        let done = psql.output().map_err(|error| error.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }

    /// The address of a new, empty database.
    pub(super) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}")).expect("a database");
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://outlay@{host}/{name}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}
