//! A simulated node: one ledger's HTTP JSON-RPC face on loopback, with trouble of its own.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    call::Request,
    evm_rpc::Face,
    ledger::LedgerHandle,
    options::NodeOptions,
    serve::Serving,
    trouble::{Failure, Garble, Sentence, Trouble, TroubleHandle},
};

/// A running node. Dropping it ends it; [`DevNode::stop`] also waits.
#[derive(Debug)]
pub struct DevNode {
    /// Where it listens, `http://127.0.0.1:<port>`.
    pub url: String,
    /// Its trouble and its counters.
    pub trouble: TroubleHandle,
    serving: Serving,
}

impl DevNode {
    /// Starts a node that faces `ledger`. Several nodes may face one ledger.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(ledger: LedgerHandle, options: NodeOptions) -> io::Result<Self> {
        let port = options.port;
        let trouble = TroubleHandle::default();
        let face = Arc::new(Face { ledger, options, trouble: trouble.clone() });
        let serving = Serving::start(port, |stop| {
            Router::new().route("/", post(move |body: String| respond(face.clone(), stop.clone(), body)))
        })
        .await?;
        Ok(Self { url: format!("http://127.0.0.1:{}", serving.port), trouble, serving })
    }

    /// Closes the port and every connection, also those it left hanging.
    pub async fn stop(self) {
        self.serving.stop().await;
    }
}

/// The answer of a node that is going away.
fn closing() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "closing").into_response()
}

async fn respond(face: Arc<Face>, stop: CancellationToken, body: String) -> Response {
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(answer) => return json(answer),
    };
    let methods: Vec<&str> = request.calls().iter().map(|call| call.method.as_str()).collect();
    let Sentence { trouble, failure } = face.trouble.judge(&methods, Instant::now());
    if trouble.delay_ms > 0 {
        tokio::select! {
            () = stop.cancelled() => return closing(),
            () = sleep(Duration::from_millis(trouble.delay_ms)) => (),
        }
    }
    match failure {
        None => spoil(request.answer(|call| face.answer(call, &trouble)), &trouble),
        Some(Failure::Hang) => {
            stop.cancelled().await;
            closing()
        }
        Some(Failure::Http(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "scripted failure").into_response()
        }
        Some(Failure::Throttled { retry_after_s }) => {
            let mut response = (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Some(Failure::Rpc { code, message }) => json(request.answer(|call| Face::refuse(call, code, &message))),
    }
}

fn spoil(mut body: String, trouble: &Trouble) -> Response {
    match trouble.garble {
        Garble::Nothing | Garble::WrongId => json(body),
        Garble::CutJson => {
            body.truncate(body.len() / 2);
            json(body)
        }
        Garble::Html => {
            let page = "<html><head><title>Welcome</title></head><body>Please sign in</body></html>";
            ([(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests;
