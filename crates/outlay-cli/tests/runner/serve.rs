//! `outlay serve` as a process: the same bytes as the command, tokens, and its end on a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::harness::Place;

const DATABASE: &str = "sqlite:x.db";

/// A server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(place: &Place) -> Self {
        let mut command =
            place.command(&["serve", "--listen", "127.0.0.1:0", "--database", DATABASE, "--log-level", "error"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().expect("stderr"));
        said.read_line(&mut line).expect("a line");
        child.stderr = Some(said.into_inner());
        let address = line.trim().rsplit("http://").next().expect("an address").to_owned();
        assert!(line.starts_with("outlay listens on http://"), "{line}");
        Self { child, address }
    }

    /// Status and body.
    fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status"), body.to_owned())
    }

    /// Asks it to end; its status.
    fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn stdout(place: &Place, args: &[&str]) -> String {
    String::from_utf8(place.output(args).stdout).expect("text")
}

#[test]
fn the_api_says_what_the_command_says() {
    let place = Place::new();
    let server = Server::start(&place);
    let flags = ["--model", "llama-3.1-8b", "--method", "qlora", "--tokens", "6M", "--gpu", "rtx-4090", "--gpus", "1"];
    let job = json!({
        "model": {"base": "llama-3.1-8b"}, "method": {"kind": "qlora"}, "data": {"tokens": "6M"},
        "hardware": {"accelerators": ["rtx-4090"], "gpus": 1},
    });
    for command in ["plan", "estimate", "levers"] {
        let args: Vec<&str> = [command, "--json"].into_iter().chain(flags).collect();
        let told = server.ask(&format!("POST /api/v1/{command}"), &job.to_string());
        assert_eq!(told, (200, stdout(&place, &args)), "{command}");
    }
    let told = server.ask("POST /api/v1/scaling/optimum", &json!({"flops": 1e20}).to_string());
    assert_eq!(told, (200, stdout(&place, &["scaling", "optimum", "--flops", "1e20", "--json"])));
    for (command, path) in [
        (vec!["models", "llama"], "models?name=llama"),
        (vec!["hardware"], "hardware"),
        (vec!["hardware", "h100", "--min-memory", "80"], "hardware?name=h100&min_memory_gb=80"),
        (vec!["offers"], "offers"),
        (vec!["offers", "4090", "--provider", "vast", "--limit", "0"], "offers?name=4090&provider=vast&limit=0"),
    ] {
        let args: Vec<&str> = command.into_iter().chain(["--json"]).collect();
        assert_eq!(server.ask(&format!("GET /api/v1/{path}"), ""), (200, stdout(&place, &args)), "{path}");
    }
    let (status, document) = server.ask("GET /api/v1/openapi.json", "");
    assert_eq!((status, document), (200, stdout(&place, &["schema", "openapi"])));
    assert_eq!(server.end("-TERM"), Some(0));
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let place = Place::new();
    let run = |args: &[&str]| {
        let args: Vec<&str> = ["serve", "token"].iter().chain(args).copied().chain(["--database", DATABASE]).collect();
        place.output(&args)
    };
    let made = run(&["add", "ci", "--scope", "write"]);
    let (token, notes) = (String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
    assert!(token.starts_with("outlay_") && token.trim().len() == 88, "{token}");
    assert_eq!(notes, "keep it: only its hash is stored, and it is not shown again\n");
    let list = |args: &[&str]| String::from_utf8(run(args).stdout).expect("text");
    let rows: Value = serde_json::from_str(&list(&["list", "--json"])).expect("JSON");
    let id = rows[0]["id"].as_str().expect("an id").to_owned();
    assert!(token.contains(&id) && rows[0]["scope"] == "write" && rows[0]["revoked_unix_s"].is_null(), "{rows}");
    assert!(!list(&["list"]).contains(token.trim()) && list(&["list"]).contains(&id));
    assert_eq!(run(&["revoke", &id]).status.code(), Some(0));
    assert_eq!(run(&["revoke", &id]).status.code(), Some(2));
    let rows: Value = serde_json::from_str(&list(&["list", "--json"])).expect("JSON");
    assert!(rows[0]["revoked_unix_s"].is_number(), "{rows}");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let place = Place::new();
    for (args, said) in [
        (
            &["serve", "--database", DATABASE, "--listen", "0.0.0.0:0", "--log-level", "error"] as &[&str],
            "error[serve]: 0.0.0.0:0 can be reached by others, and nobody holds a token\n  at --listen\n  help: make one",
        ),
        // The address may hold a password.
        (
            &["serve", "--database", "mysql://user:secret@host/x"],
            "error[bad-database]: the database is neither sqlite: nor postgres:\n  at --database\n",
        ),
        (&["serve"], "error[no-data-folder]: neither HOME nor XDG_DATA_HOME is set\n  at --database\n"),
    ] {
        let told = place.run(args);
        assert!(told.starts_with("status 2\n--- stderr\n") && told.contains(said), "{told}");
        assert!(!told.contains("secret"), "{told}");
    }
}
