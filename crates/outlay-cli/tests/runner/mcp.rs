//! The server for agents, spoken to over its pipes as a client does: one JSON message a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::harness::Place;

/// A running server and the pipes to it.
struct Client {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    asked: u64,
}

impl Client {
    /// Starts one and shakes hands.
    fn new(place: &Place) -> Self {
        let mut command = place.command(&["mcp"]);
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a server");
        let (to, from) = (server.stdin.take(), BufReader::new(server.stdout.take().expect("a pipe")));
        let mut client = Self { server, to, from, asked: 0 };
        let hello = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let about = client.ask("initialize", &hello);
        assert_eq!(about["result"]["serverInfo"]["name"], "outlay", "{about}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        client
    }

    fn send(&mut self, line: &str) {
        writeln!(self.to.as_mut().expect("an open pipe"), "{line}").expect("a server that reads");
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string());
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).expect("an answer") > 0, "the server has gone");
            let answer: Value = serde_json::from_str(&line).expect("JSON");
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &Value) -> Value {
        self.ask("tools/call", &json!({ "name": name, "arguments": arguments }))["result"].take()
    }

    /// Closes the pipe; how the server ends.
    fn end(mut self) -> Option<i32> {
        drop(self.to.take());
        self.server.wait().expect("an end").code()
    }
}

fn job() -> Value {
    json!({ "model": { "base": "llama-3.1-8b" }, "method": { "kind": "qlora" }, "data": { "tokens": "6M", "epochs": 3 } })
}

const TEXT: &str =
    "[model]\nbase = \"llama-3.1-8b\"\n[method]\nkind = \"qlora\"\n[data]\ntokens = \"6M\"\nepochs = 3\n";

#[test]
fn every_tool_is_listed_with_its_schemas_and_answers() {
    let mut client = Client::new(&Place::new());
    let listed = client.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().expect("tools").clone();
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["plan", "estimate", "levers", "diff", "models", "hardware", "offers"]);
    for tool in &tools {
        let name = tool["name"].as_str().unwrap_or_default();
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
        let arguments = match name {
            "diff" => json!({ "before": job(), "after": TEXT.replace("6M", "12M") }),
            "estimate" => {
                let mut exact = job();
                exact["hardware"] = json!({ "accelerators": ["h100-sxm"], "gpus": 1 });
                json!({ "job": exact })
            }
            "models" | "hardware" | "offers" => json!({ "names": ["llama", "h100"] }),
            _ => json!({ "job": job() }),
        };
        let answer = client.call(name, &arguments);
        assert_eq!(answer["isError"], false, "{name}: {answer}");
        let structured = answer["structuredContent"].as_object().expect("structured content");
        for field in tool["outputSchema"]["required"].as_array().expect("an output schema") {
            assert!(structured.contains_key(field.as_str().unwrap_or_default()), "{name}: no {field}");
        }
        let text = answer["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.len() > 20 && !text.contains('\u{1b}'), "{name}: {text}");
    }
    assert_eq!(client.end(), Some(0));
}

#[test]
fn the_answer_is_the_command_s() {
    let place = Place::new().file("job.toml", TEXT);
    let mut client = Client::new(&place);
    let printed = place.output(&["plan", "job.toml", "--json"]).stdout;
    let printed: Value = serde_json::from_slice(&printed).expect("JSON");
    let whole = client.call("plan", &json!({ "job": TEXT, "terms": true }));
    assert_eq!(whole["structuredContent"], printed);
    let short = client.call("plan", &json!({ "job": job() }));
    assert_eq!(short["structuredContent"]["pick"], printed["pick"]);
    assert!(short["structuredContent"].to_string().len() * 2 < printed.to_string().len());
}

#[test]
fn all_faults_are_told_as_errors_of_the_tool() {
    let mut client = Client::new(&Place::new());
    let mut faults = |name: &str, arguments: Value| {
        let answer = client.call(name, &arguments);
        assert_eq!(answer["isError"], true, "{answer}");
        let problems = answer["structuredContent"]["problems"].as_array().expect("problems").clone();
        let text = answer["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        let places: Vec<String> = problems.iter().map(|p| p["at"].as_str().unwrap_or_default().to_owned()).collect();
        assert!(places.iter().all(|place| text.contains(place.as_str())), "{text}");
        places
    };
    let slips = json!({ "model": { "base": "llama-3.1-8b" }, "data": { "epohcs": 3, "tokens": true } });
    assert_eq!(faults("plan", json!({ "job": slips })), ["data.epohcs", "data.tokens"]);
    assert_eq!(faults("plan", json!({ "job": { "model": { "base": "lama-3.1-8b" } } })), ["model.base"]);
    assert_eq!(faults("plan", json!({})), ["job"]);
    assert_eq!(faults("plan", json!({ "job": 3 })), ["the job"]);
    assert_eq!(faults("plan", json!({ "job": "[model\n" })).len(), 1);
    assert_eq!(faults("plan", json!({ "jbo": slips, "job": job(), "terms": 1 })), ["jbo", "terms"]);
    let both = faults("diff", json!({ "before": { "modle": {} }, "after": { "data": 1 } }));
    assert_eq!(both, ["modle in before", "data in after"]);
    let both = json!({ "before": { "model": { "base": "x" } }, "after": { "model": { "base": "y" } } });
    assert_eq!(faults("diff", both), ["model.base in before", "model.base in after"]);
    // A model of the hub, without a network.
    assert_eq!(faults("estimate", json!({ "job": { "model": { "base": "org/name" } } })), ["model.base"]);
}

#[test]
fn nothing_that_is_sent_kills_the_server() {
    let mut client = Client::new(&Place::new());
    for line in [
        "",
        "not json",
        "{}",
        "[]",
        "{\"jsonrpc\":\"2.0\"}",
        "\"\u{0}\"",
        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":7}",
    ] {
        client.send(line);
    }
    let unknown = client.ask("tools/call", &json!({ "name": "plann", "arguments": {} }));
    let message = unknown["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("plann") && message.contains("estimate"), "{unknown}");
    client.ask("no/such/method", &json!({}));
    assert_eq!(client.call("models", &json!({ "names": ["llama"] }))["isError"], false);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_client_that_leaves_at_once_is_no_fault() {
    let output = Place::new().output(&["mcp"]);
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0), "{output:?}");
}
