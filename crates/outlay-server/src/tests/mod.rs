//! The service as a client sees it: in this process where that is enough, over a real socket where time and connections
//! matter; every test of what is stored over SQLite and over PostgreSQL.

mod answers;
mod databases;
mod hostile;
mod live;
mod locks;
mod postgres;
mod stored;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use outlay::Problem;
use outlay::problem::Code;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::guard::Guard;
use crate::hub::Hub;
use crate::settings::Limits;
use crate::store::{self, Store};
use crate::token::{self, Scope};
use crate::{App, routes};

/// The day of every test.
pub(super) const TODAY: &str = "2026-11-24";

/// A hub with one model, one that is no JSON, and nothing else.
pub(super) struct OneModel;

impl Hub for OneModel {
    fn is_id(&self, name: &str) -> bool {
        let plain = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        name.split_once('/').is_some_and(|(org, name)| plain(org) && plain(name))
    }

    fn config(&self, id: &str) -> Result<String, Vec<Problem>> {
        match id {
            "org/small" => Ok(json!({
                "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
                "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000,
            })
            .to_string()),
            "org/broken" => Ok("<html>".into()),
            "org/panics" => panic!("on purpose"),
            _ => Err(vec![Problem::new(Code::UnknownModel, "model.base", format!("{id} was not found"))]),
        }
    }
}

/// A service with a database in a folder of its own.
pub(super) struct Place {
    pub(super) app: App,
    router: Router,
    _folder: Option<TempDir>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Came {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Codes and places of what was refused.
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = self.json()["problems"].as_array().cloned().unwrap_or_default();
        list.iter().map(|problem| (text(&problem["code"]), text(&problem["at"]))).collect()
    }
}

/// A database in a file.
pub(super) async fn file() -> (Store, TempDir) {
    let folder = tempfile::tempdir().expect("a place for tests");
    let store = Store::open(&store::sqlite(&folder.path().join("a b%.db"))).await.expect("SQLite");
    (store, folder)
}

impl Place {
    /// Answers this machine.
    pub(super) async fn new() -> Self {
        Self::with(Limits::default(), false).await
    }

    /// With these limits, asking for tokens or not.
    pub(super) async fn with(limits: Limits, tokens: bool) -> Self {
        let (store, folder) = file().await;
        Self { _folder: Some(folder), ..Self::over(store, limits, tokens) }
    }

    /// Over a database that somebody else keeps.
    pub(super) fn over(store: Store, limits: Limits, tokens: bool) -> Self {
        let guard = Guard { tokens, hosts: None };
        let app = App::new(store, guard, limits, Arc::new(OneModel), Arc::new(|| TODAY.into()));
        Self { router: routes::router(&app), app, _folder: None }
    }

    /// A token of this scope.
    pub(super) async fn token(&self, scope: Scope) -> String {
        let made = token::make("test", scope, 0).expect("random numbers");
        self.app.store.add_token(&made.row).await.expect("a database");
        made.text
    }

    /// Any request.
    pub(super) async fn send(&self, request: Request<Body>) -> Came {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        Came { status: parts.status, headers: parts.headers, body }
    }

    pub(super) async fn get(&self, path: &str) -> Came {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn post(&self, path: &str, body: impl Into<Body>) -> Came {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).expect("a request")).await
    }

    pub(super) async fn post_json(&self, path: &str, body: &Value) -> Came {
        self.post(path, body.to_string()).await
    }
}

/// A job that is planned in no time.
pub(super) fn small_job() -> Value {
    json!({
        "model": {"base": "llama-3.1-8b"}, "method": {"kind": "qlora"}, "data": {"tokens": "6M", "seq_len": 2048},
        "hardware": {"accelerators": ["rtx-4090"], "gpus": 1},
    })
}

/// A job whose search takes long.
pub(super) fn long_job() -> Value {
    json!({
        "model": {"base": "llama-3.1-405b", "start": "scratch"}, "data": {"tokens": "1T", "seq_len": 8192},
        "train": {"global_batch": 2048}, "hardware": {"max_gpus": 16384},
        "vary": {"train": {"precision": ["bf16", "fp8"], "global_batch": [1024, 2048, 4096, 8192]}},
    })
}
