//! `depositd endpoint …`: the receivers of each app.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tonic::Request;

use crate::api::proto::v1::{
    Endpoint, GetEndpointRequest, ListEndpointsRequest, ParkEndpointRequest, ResumeEndpointRequest,
    TestEndpointRequest, endpoint_service_client::EndpointServiceClient,
};

use super::{
    client::{ClientArgs, PageArgs},
    delivery,
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

/// A receiver may take its whole deadline.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What to do with endpoints.
#[derive(Clone, Debug, Subcommand)]
pub enum EndpointCommand {
    /// List endpoints
    List {
        /// Only this app's
        #[arg(long, default_value = "")]
        app: String,
        /// Only those that are sent nothing
        #[arg(long)]
        parked: bool,
        /// Which page
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one endpoint
    Get {
        /// Its id, 16 hex digits
        endpoint_id: String,
    },
    /// Send an endpoint nothing until it is resumed; its events are held
    Park {
        /// Its id, 16 hex digits
        endpoint_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Send to a parked endpoint again
    Resume {
        /// Its id, 16 hex digits
        endpoint_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Send a test to an app's notify URL, now; exit code 1 if it was not accepted
    Test {
        /// The app
        app_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn run(command: EndpointCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = EndpointServiceClient::new(args.open().await?);
    let found = match command {
        EndpointCommand::List { app, parked, page } => {
            let request = ListEndpointsRequest {
                app_id: app,
                only_parked: parked,
                page_size: page.limit,
                page_token: page.page_token,
            };
            let answer = client.list_endpoints(request).await?.into_inner();
            args.hint_next(&answer.next_page_token);
            let rows = answer.endpoints.iter().map(endpoint).collect();
            Shown::list("endpoints", rows, ENDPOINT.to_vec(), Some(&answer.next_page_token)).print(args.json);
            return Ok(());
        }
        EndpointCommand::Test { app_id, reason } => {
            let mut request = Request::new(TestEndpointRequest { app_id, reason });
            request.set_timeout(TEST_TIMEOUT);
            let answer = client.test_endpoint(request).await?.into_inner();
            let came = answer
                .attempt
                .ok_or_else(|| Failure::new(FAILURE, "the daemon's answer does not say what came of the test"))?;
            let mut shown = delivery::attempt(&came);
            shown.json = json!({
                "event_id": answer.event_id, "endpoint_id": answer.endpoint_id, "receiver": answer.receiver,
                "attempt": shown.json,
            });
            shown.print(args.json);
            if came.outcome == "accepted" {
                return Ok(());
            }
            let text = format!("{} did not accept the test: {} {}", answer.receiver, came.outcome, came.detail);
            return Err(Failure::new(FAILURE, text.trim_end()));
        }
        EndpointCommand::Get { endpoint_id } => {
            client.get_endpoint(GetEndpointRequest { endpoint_id }).await?.into_inner().endpoint
        }
        EndpointCommand::Park { endpoint_id, reason } => {
            client.park_endpoint(ParkEndpointRequest { endpoint_id, reason }).await?.into_inner().endpoint
        }
        EndpointCommand::Resume { endpoint_id, reason } => {
            client.resume_endpoint(ResumeEndpointRequest { endpoint_id, reason }).await?.into_inner().endpoint
        }
    };
    let found = found.ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no endpoint"))?;
    endpoint(&found).print(args.json);
    Ok(())
}

const ENDPOINT: [&str; 8] = ["ENDPOINT", "APP", "RECEIVER", "PARKED", "FAILURES", "PENDING", "NEXT DUE", "RESTS UNTIL"];

fn endpoint(endpoint: &Endpoint) -> Shown {
    let [failing, due, resting] =
        [&endpoint.failing_since, &endpoint.next_due_time, &endpoint.resting_until].map(|at| show::time(at.as_ref()));
    let since = endpoint.parked.as_ref().and_then(|parked| show::time(parked.since.as_ref()));
    let parked = endpoint.parked.as_ref().map(|parked| {
        let by = if parked.by.is_empty() { String::new() } else { format!(" by {}: {}", parked.by, parked.reason) };
        format!("{} since {}{by}", parked.why, since.clone().unwrap_or_default())
    });
    let more = if endpoint.pending_is_more { "+" } else { "" };
    let row = vec![
        endpoint.endpoint_id.clone(),
        endpoint.app_id.clone(),
        endpoint.receiver.clone(),
        parked.unwrap_or_default(),
        endpoint.failures.to_string(),
        format!("{}{more}", endpoint.pending),
        due.clone().unwrap_or_default(),
        resting.clone().unwrap_or_default(),
    ];
    let json = json!({
        "endpoint_id": endpoint.endpoint_id, "app_id": endpoint.app_id, "receiver": endpoint.receiver,
        "parked": endpoint.parked.as_ref().map(|parked| {
            json!({ "since": since, "why": parked.why, "by": parked.by, "reason": parked.reason })
        }),
        "failing_since": failing, "failures": endpoint.failures, "pending": endpoint.pending,
        "pending_is_more": endpoint.pending_is_more, "next_due_time": due, "in_flight": endpoint.in_flight,
        "resting_until": resting,
    });
    Shown { json, header: ENDPOINT.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::proto::v1::EndpointParked;

    #[test]
    fn a_parked_endpoint_says_who_and_why() {
        let parked = EndpointParked {
            since: Some(prost_types::Timestamp { seconds: 951_782_400, nanos: 0 }),
            why: "operator".into(),
            by: "uid 0".into(),
            reason: "they move".into(),
        };
        let mut told = Endpoint { pending: 1000, pending_is_more: true, parked: Some(parked), ..Endpoint::default() };
        let shown = endpoint(&told);
        assert_eq!(shown.rows[0][3], "operator since 2000-02-29T00:00:00Z by uid 0: they move");
        assert_eq!((shown.rows[0][5].as_str(), &shown.json["parked"]["by"]), ("1000+", &json!("uid 0")));
        told.parked = None;
        assert_eq!((endpoint(&told).rows[0][3].as_str(), &endpoint(&told).json["parked"]), ("", &json!(null)));
    }
}
