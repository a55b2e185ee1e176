//! `depositd event …`: the feed of everything merchants are told.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use tonic::{Code, Status};

use crate::api::proto::v1::{Event, ListEventsRequest, StreamEventsRequest, event_service_client::EventServiceClient};

use super::{
    client::ClientArgs,
    exit::{self, Failure},
    show::{self, Shown},
};

/// The pause before a broken stream is taken up again.
const RESUME_PAUSE: Duration = Duration::from_secs(2);

/// What to do with events.
#[derive(Clone, Debug, Subcommand)]
pub enum EventCommand {
    /// List events, oldest first
    List {
        /// Only this app's
        #[arg(long, default_value = "")]
        app: String,
        /// Only those behind this position
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// Rows at most, 1 to 1000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
        limit: i32,
    },
    /// Show events as they come, for ever; with --json one object a line
    Follow {
        /// Only this app's
        #[arg(long, default_value = "")]
        app: String,
        /// Begin behind this position; 0 shows everything there is first
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

pub(super) async fn run(command: EventCommand, args: &ClientArgs) -> Result<(), Failure> {
    match command {
        EventCommand::List { app, after, limit } => list(app, after, limit, args).await,
        EventCommand::Follow { app, after } => follow(&app, after, args).await,
    }
}

async fn list(app_id: String, after_position: u64, page_size: i32, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = EventServiceClient::new(args.open().await?);
    let answer = client.list_events(ListEventsRequest { app_id, after_position, page_size }).await?.into_inner();
    if let Some(last) = answer.events.last().filter(|last| last.position < answer.newest_position && !args.json) {
        show::message(&format!("more may follow: --after {}", last.position));
    }
    let mut shown = Shown::list("events", answer.events.iter().map(show_event).collect(), EVENT.to_vec(), None);
    shown.json["newest_position"] = json!(answer.newest_position);
    shown.print(args.json);
    Ok(())
}

/// Goes on where it was when the daemon comes back. What it never showed it cannot lose: the first answer must come.
async fn follow(app: &str, mut after: u64, args: &ClientArgs) -> Result<(), Failure> {
    let mut is_begun = false;
    loop {
        let Err(failure) = stream(app, &mut after, &mut is_begun, args).await else { continue };
        if !is_begun || !matches!(failure.code, exit::LATER | exit::UNREACHABLE) {
            return Err(failure);
        }
        show::message(&format!("{failure}; going on behind {after}"));
        tokio::time::sleep(RESUME_PAUSE).await;
    }
}

/// Shows events until the stream ends; then `after` is the last position shown.
async fn stream(app: &str, after: &mut u64, is_begun: &mut bool, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = EventServiceClient::new(args.open().await?);
    let request = StreamEventsRequest { app_id: app.to_owned(), after_position: *after };
    let mut told = client.stream_events(request).await?.into_inner();
    *is_begun = true;
    loop {
        let Some(news) = told.message().await.map_err(cut)? else {
            return Err(Failure::new(exit::LATER, "the stream ended"));
        };
        let Some(event) = news.event else { continue };
        *after = event.position;
        let shown = show_event(&event);
        if args.json {
            show::line(&shown.json.to_string());
        } else {
            shown.rows.iter().for_each(|row| show::line(&show::plain(&row.join("  "))));
        }
    }
}

/// A connection that breaks under a stream is no failure of the daemon's.
fn cut(status: Status) -> Failure {
    let is_transport = matches!(status.code(), Code::Unknown | Code::Internal) && status.details().is_empty();
    if is_transport { Failure::new(exit::LATER, "the connection broke") } else { status.into() }
}

const EVENT: [&str; 6] = ["POSITION", "TIME", "APP", "TYPE", "DELIVERY", "EVENT"];

fn show_event(event: &Event) -> Shown {
    let (state, at) = (event.delivery_state().as_str_name(), show::time(event.create_time.as_ref()));
    let row = vec![
        event.position.to_string(),
        at.clone().unwrap_or_default(),
        event.app_id.clone(),
        event.r#type.clone(),
        show::word(state, "DELIVERY_STATE_"),
        event.event_id.clone(),
    ];
    let json = json!({
        "position": event.position, "event_id": event.event_id, "type": event.r#type, "app_id": event.app_id,
        "create_time": at, "body": String::from_utf8_lossy(&event.body), "delivery_state": state,
        "attempts": event.attempts,
    });
    Shown { json, header: EVENT.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::proto::v1::DeliveryState;

    #[test]
    fn an_event_as_a_line_and_as_json() {
        let event = Event {
            position: 7,
            event_id: "dep_a_1".into(),
            r#type: "deposit.confirmed".into(),
            app_id: "shop".into(),
            create_time: Some(prost_types::Timestamp { seconds: 951_782_400, nanos: 0 }),
            body: br#"{"type":"deposit.confirmed"}"#.to_vec(),
            delivery_state: DeliveryState::DeadLetter.into(),
            attempts: 10,
        };
        let shown = show_event(&event);
        assert_eq!(shown.rows[0].join(" "), "7 2000-02-29T00:00:00Z shop deposit.confirmed dead_letter dep_a_1");
        assert_eq!(shown.json["body"], r#"{"type":"deposit.confirmed"}"#);
        assert_eq!(shown.json["delivery_state"], "DELIVERY_STATE_DEAD_LETTER");
    }

    #[test]
    fn a_broken_connection_is_taken_up_again_and_a_refusal_is_not() {
        assert_eq!(cut(Status::unknown("h2 protocol error")).code, exit::LATER);
        assert_eq!(cut(Status::unavailable("the daemon is stopping")).code, exit::LATER);
        assert_eq!(cut(Status::failed_precondition("position 9 lies beyond")).code, exit::CONFLICT);
        assert_eq!(cut(Status::with_details(Code::Internal, "store", vec![1].into())).code, exit::FAILURE);
    }
}
