//! From an answer to bytes on a connection, with whatever is to go wrong on the way.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::trouble::{Failure, Garble, Sentence, TronRefusal, Trouble};

/// An answer: status, kind of content, body.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

impl Reply {
    pub(super) fn json(body: String) -> Self {
        Self { status: StatusCode::OK, kind: "application/json", body }
    }

    pub(super) fn text(body: &str) -> Self {
        Self { status: StatusCode::OK, kind: "text/plain;charset=utf-8", body: body.to_owned() }
    }

    /// A page as a web server writes it for an error of its own.
    pub(super) fn page(status: StatusCode) -> Self {
        let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
        let body = format!(
            "<html><head><title>Error {code} {reason}</title></head><body><h2>HTTP ERROR {code} {reason}</h2></body></html>"
        );
        Self { status, kind: "text/html;charset=iso-8859-1", body }
    }

    /// `{"Error": …}`, the way a TRON node says that something went wrong: with status 200.
    pub(super) fn error(message: &str) -> Self {
        Self::json(json!({ "Error": message }).to_string())
    }

    fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn refusal(refusal: &TronRefusal) -> Self {
        match refusal {
            TronRefusal::Error(message) => Self::error(message),
            TronRefusal::Overloaded => {
                Self::error("class java.lang.IllegalAccessException : lack of computing resources")
            }
            TronRefusal::SwitchedOff => {
                Self::error("this API is unavailable due to config").with(StatusCode::NOT_FOUND)
            }
            TronRefusal::TooLarge => Self::page(StatusCode::PAYLOAD_TOO_LARGE),
            TronRefusal::LiteNode => Self::text("this API is closed because this node is a lite fullnode"),
            TronRefusal::Suspended { status, allowed_rps, seconds } => {
                let message = format!(
                    "request rate exceeded the allowed_rps({allowed_rps}), and the query server is suspended for {seconds} s"
                );
                Self::error(&message).with(code(*status))
            }
            TronRefusal::DailyUsage => {
                let message = "Exceed the user daily usage (100000), the maximum query frequency is 1 time per second";
                Self::error(message).with(StatusCode::FORBIDDEN)
            }
            TronRefusal::EmptyObject => Self::json("{}".to_owned()),
            TronRefusal::EmptyList => Self::json("[]".to_owned()),
        }
    }

    fn spoil(mut self, garble: Garble) -> Response {
        match garble {
            Garble::Nothing | Garble::WrongId => self.into_response(),
            Garble::CutJson => {
                self.body.truncate(self.half());
                self.into_response()
            }
            Garble::Html => {
                let page = "<html><head><title>Welcome</title></head><body>Please sign in</body></html>";
                ([(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
            Garble::CutBody => {
                let half = Bytes::copy_from_slice(&self.body.as_bytes()[..self.half()]);
                let broken = io::Error::from(io::ErrorKind::ConnectionReset);
                let body = Body::from_stream(stream::iter([Ok(half), Err(broken)]));
                (self.status, [(header::CONTENT_TYPE, self.kind)], body).into_response()
            }
        }
    }

    /// Half its length, at the next whole character.
    fn half(&self) -> usize {
        let half = self.body.len() / 2;
        (half..self.body.len()).find(|at| self.body.is_char_boundary(*at)).unwrap_or(half)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, self.kind)], self.body).into_response()
    }
}

/// Serves one request as it was judged: `honest` answers it, `refuse` says the same JSON-RPC error for each of its calls.
pub(super) async fn serve(
    sentence: Sentence,
    stop: &CancellationToken,
    honest: impl FnOnce(&Trouble) -> Reply,
    refuse: impl FnOnce(i64, &str) -> Reply,
) -> Response {
    let Sentence { trouble, failure } = sentence;
    if trouble.delay_ms > 0 {
        tokio::select! {
            () = stop.cancelled() => return closing(),
            () = sleep(Duration::from_millis(trouble.delay_ms)) => (),
        }
    }
    match failure {
        None => honest(&trouble).spoil(trouble.garble),
        Some(Failure::Hang) => {
            stop.cancelled().await;
            closing()
        }
        Some(Failure::Http(status)) => (code(status), "scripted failure").into_response(),
        Some(Failure::Throttled { retry_after_s }) => {
            let mut response = (StatusCode::TOO_MANY_REQUESTS, "slow down").into_response();
            if let Some(seconds) = retry_after_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
        Some(Failure::Rpc { code, message }) => refuse(code, &message).into_response(),
        Some(Failure::Tron(refusal)) => Reply::refusal(&refusal).into_response(),
    }
}

/// The answer of a node that is going away.
fn closing() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "closing").into_response()
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
