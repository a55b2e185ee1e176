//! A simulated TRON node: `/wallet`, `/walletsolidity`, and if wanted `/jsonrpc`, on one port or on two.

use std::{io, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, rejection::BytesRejection},
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use tokio_util::sync::CancellationToken;

use crate::devnet::{
    call::Request,
    ledger::LedgerHandle,
    respond::{self, Reply},
    serve::Serving,
    trouble::{Trouble, TroubleHandle},
};

use super::{
    args::{Args, NodeError},
    face::{Face, Side},
    options::{SolidPort, TronOptions},
    rpc::{self, Door},
};

/// Most bytes of a request, as java-tron's.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// A running TRON node. Dropping it ends it; [`TronNode::stop`] also waits.
#[derive(Debug)]
pub struct TronNode {
    /// Where `/wallet` is, `http://127.0.0.1:<port>`.
    pub url: String,
    /// Where `/walletsolidity` is; the same unless it has a port of its own.
    pub solid_url: String,
    /// Its trouble and its counters. Calls are counted by path (`wallet/getblock`) or JSON-RPC method.
    pub trouble: TroubleHandle,
    servings: Vec<Serving>,
}

impl TronNode {
    /// Starts a node that faces `ledger`, a TRON one. Several nodes may face one ledger.
    ///
    /// # Errors
    /// A port cannot be bound.
    pub async fn start(ledger: LedgerHandle, options: TronOptions) -> io::Result<Self> {
        let (port, solid) = (options.port, options.solid);
        let trouble = TroubleHandle::default();
        let face = Arc::new(Face { ledger, options, trouble: trouble.clone() });
        let main = Port { full: true, solid: !matches!(solid, SolidPort::Only(_)) };
        let mut servings = vec![main.open(port, face.clone()).await?];
        if let SolidPort::Also(port) | SolidPort::Only(port) = solid {
            servings.push(Port { full: false, solid: true }.open(port, face).await?);
        }
        let url = |serving: Option<&Serving>| serving.map(|at| format!("http://127.0.0.1:{}", at.port));
        let (first, last) = (url(servings.first()), url(servings.last()));
        let (url, solid_url) = first.zip(last).expect("one port at least was opened");
        Ok(Self { url, solid_url, trouble, servings })
    }

    /// Closes its ports and every connection, also those it left hanging.
    pub async fn stop(self) {
        for serving in self.servings {
            serving.stop().await;
        }
    }
}

/// What one port serves.
#[derive(Clone, Copy, Debug)]
struct Port {
    full: bool,
    solid: bool,
}

impl Port {
    async fn open(self, port: u16, face: Arc<Face>) -> io::Result<Serving> {
        let connections = face.options.connections_max;
        Serving::start_limited(port, connections, |stop| {
            let handle = move |method: Method, uri: Uri, body: Result<Bytes, BytesRejection>| {
                let (face, stop) = (face.clone(), stop.clone());
                async move { self.respond(&face, &stop, &method, &uri, body).await }
            };
            Router::new().fallback(handle).layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        })
        .await
    }

    async fn respond(
        self,
        face: &Face,
        stop: &CancellationToken,
        method: &Method,
        uri: &Uri,
        body: Result<Bytes, BytesRejection>,
    ) -> Response {
        let body = match body {
            Ok(body) => body,
            Err(refused) => return Reply::page(refused.status()).into_response(),
        };
        let path = uri.path().trim_matches('/');
        match path {
            "" if self.full => return json_rpc(face, stop, Door::Control, method, &body).await,
            "jsonrpc" if self.full && face.options.jsonrpc => {
                return json_rpc(face, stop, Door::Rpc, method, &body).await;
            }
            _ => (),
        }
        let sentence = face.trouble.judge_tron(&[path], Instant::now());
        let honest = |trouble: &Trouble| self.native(face, trouble, method, uri, path, &body);
        let refuse = |_, message: &str| Reply::error(&format!("class java.lang.RuntimeException : {message}"));
        respond::serve(sentence, stop, honest, refuse).await
    }

    fn native(self, face: &Face, trouble: &Trouble, method: &Method, uri: &Uri, path: &str, body: &[u8]) -> Reply {
        let (side, call) = match path.split_once('/') {
            Some(("wallet", call)) if self.full => (Side::Full, call),
            Some(("walletsolidity", call)) if self.solid => (Side::Solid, call),
            None if path == "healthcheck" => return Reply::text("OK"),
            Some(_) | None => return Reply::page(StatusCode::NOT_FOUND),
        };
        let args = match *method {
            Method::GET => Ok(Args::of_query(uri.query().unwrap_or_default())),
            // It reads no body at all.
            Method::POST if call == "getnowblock" => Ok(Args::default()),
            Method::POST => Args::of_body(body),
            _ => return Reply::page(StatusCode::METHOD_NOT_ALLOWED),
        };
        let answer = args.map(|args| face.view(trouble, side).answer(call, &args)).transpose();
        match answer {
            None => Reply::page(StatusCode::NOT_FOUND),
            Some(Ok(Ok(body))) => Reply::json(body),
            Some(Ok(Err(NodeError(message))) | Err(NodeError(message))) => Reply::error(&message),
        }
    }
}

async fn json_rpc(face: &Face, stop: &CancellationToken, door: Door, method: &Method, body: &[u8]) -> Response {
    if *method != Method::POST {
        return Reply::page(StatusCode::METHOD_NOT_ALLOWED).into_response();
    }
    let text = String::from_utf8_lossy(body);
    let request = match Request::parse(&text) {
        Ok(request) => request,
        Err(answer) => return Reply::json(answer).into_response(),
    };
    let sentence = face.trouble.judge_tron(&request.methods(), Instant::now());
    let honest = |trouble: &Trouble| Reply::json(request.answer(|call| rpc::answer(face, door, call, trouble)));
    let refuse = |code, message: &str| Reply::json(request.refuse(code, message));
    respond::serve(sentence, stop, honest, refuse).await
}

#[cfg(test)]
mod tests;
