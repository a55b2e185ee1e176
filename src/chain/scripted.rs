//! A node for tests: real HTTP on 127.0.0.1, answers from a closure.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    http::{StatusCode, Uri},
    response::Response,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use super::http::EndpointUrl;

/// What the script answers.
pub(super) enum Out {
    /// A result; of plain HTTP the whole body.
    Result(Value),
    /// An error answer; of plain HTTP the node's own way to say no with status 200, whatever the code.
    Error(i64, &'static str),
    /// This and nothing else, whatever was asked.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// For `batch` only: answer each call.
    Pass,
}

/// A running node; stops when dropped.
pub(super) struct Node {
    pub(super) url: EndpointUrl,
    /// Methods called, `batch` before the calls of a batch; of plain HTTP the paths (`wallet/getblock`).
    pub(super) calls: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Node {
    pub(super) fn count(&self, method: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|called| *called == method).count()
    }
}

/// Where every path of a node begins; it is a secret.
const BASE: &str = "/v3/s3cret/";

/// Serves `script(method, params)`; a batch is first shown whole as method `batch`. What is no JSON-RPC is plain HTTP,
/// shown as its path and body.
pub(super) async fn node(script: impl Fn(&str, &Value) -> Out + Send + Sync + 'static) -> Node {
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&calls);
    let script = Arc::new(script);
    let handler = move |uri: Uri, body: Bytes| {
        let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
        async move { answer(&*script, &seen, uri.path(), &body) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{BASE}", listener.local_addr().unwrap()).parse().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
    Node { url, calls, _serving: serving }
}

fn answer(script: &dyn Fn(&str, &Value) -> Out, seen: &Mutex<Vec<String>>, path: &str, body: &[u8]) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap();
    if asked.is_object() && asked.get("jsonrpc").is_none() {
        let path = path.strip_prefix(BASE).unwrap();
        seen.lock().unwrap().push(path.to_owned());
        return match script(path, &asked) {
            Out::Result(body) => response(200, Vec::new(), body.to_string().into_bytes()),
            Out::Error(_, message) => response(200, Vec::new(), json!({"Error": message}).to_string().into_bytes()),
            Out::Http(status, headers, body) => response(status, headers, body),
            Out::Pass => panic!("only a batch can be passed on"),
        };
    }
    let one = |call: &Value| {
        let method = call["method"].as_str().unwrap();
        seen.lock().unwrap().push(method.to_owned());
        let id = &call["id"];
        match script(method, &call["params"]) {
            Out::Result(result) => Ok(json!({"jsonrpc": "2.0", "id": id, "result": result})),
            Out::Error(code, message) => Ok(json!({"id": id, "error": {"code": code, "message": message}})),
            Out::Http(status, headers, body) => Err((status, headers, body)),
            Out::Pass => panic!("only a batch can be passed on"),
        }
    };
    let answered = match asked.as_array() {
        None => one(&asked),
        Some(list) => {
            seen.lock().unwrap().push("batch".to_owned());
            match script("batch", &asked) {
                Out::Error(code, message) => Ok(json!({"id": null, "error": {"code": code, "message": message}})),
                Out::Http(status, headers, body) => Err((status, headers, body)),
                Out::Pass | Out::Result(_) => list.iter().map(one).collect::<Result<Vec<_>, _>>().map(Value::Array),
            }
        }
    };
    let (status, headers, body) =
        answered.map_or_else(|raw| raw, |json| (200, Vec::new(), json.to_string().into_bytes()));
    response(status, headers, body)
}

fn response(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).unwrap()
}
