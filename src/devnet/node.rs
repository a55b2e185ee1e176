//! A simulated node: one ledger's HTTP JSON-RPC face on loopback, with trouble of its own.

use std::{io, sync::Arc, time::Instant};

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::post,
};
use tokio_util::sync::CancellationToken;

use super::{
    call::Request,
    evm_rpc::Face,
    ledger::LedgerHandle,
    options::NodeOptions,
    respond::{self, Reply},
    serve::Serving,
    trouble::TroubleHandle,
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

async fn respond(face: Arc<Face>, stop: CancellationToken, body: String) -> Response {
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(answer) => return Reply::json(answer).into_response(),
    };
    let sentence = face.trouble.judge(&request.methods(), Instant::now());
    let honest = |trouble: &_| Reply::json(request.answer(|call| face.answer(call, trouble)));
    let refuse = |code, message: &str| Reply::json(request.refuse(code, message));
    respond::serve(sentence, &stop, honest, refuse).await
}

#[cfg(test)]
mod tests;
