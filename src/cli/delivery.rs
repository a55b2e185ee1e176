//! `depositd delivery …`: how the telling of each event stands, and what people do about it.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tonic::Request;

use crate::api::proto::v1::{
    CloseDeliveryRequest, Delivery, DeliveryAttempt, DeliveryState, GetDeliveryRequest, ListAttemptsRequest,
    ListDeliveriesRequest, RecoverDeliveriesRequest, ResendDeliveryRequest,
    delivery_service_client::DeliveryServiceClient,
};

use super::{
    by_hand::TimeArg,
    client::{ClientArgs, PageArgs, Service},
    exit::{FAILURE, Failure},
    progress::Progress,
    show::{self, Shown},
};

/// What to do with deliveries.
#[derive(Clone, Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List deliveries, oldest first
    List(ListArgs),
    /// Show one delivery and the body of its event
    Get {
        /// The event's id
        event_id: String,
    },
    /// Show the last attempts to tell an event
    Attempts {
        /// The event's id
        event_id: String,
    },
    /// Send an event again, with the same id and bytes
    Resend {
        /// The event's id
        event_id: String,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// Send every dead letter of an app again, or everything of a range
    Recover(RecoverArgs),
    /// End a dead letter, or money without words, whose merchant was told by other means
    Close {
        /// The event's id
        event_id: String,
        /// How the merchant was told; kept in the audit log
        #[arg(long)]
        reason: String,
    },
}

/// Which deliveries are listed.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only this app's
    #[arg(long, default_value = "")]
    pub app: String,
    /// Only those for this endpoint
    #[arg(long, default_value = "")]
    pub endpoint: String,
    /// Only those in one of these states
    #[arg(long = "state", value_delimiter = ',')]
    pub states: Vec<StateArg>,
    /// Only of this type: deposit.confirmed, order.expired, …
    #[arg(long = "type", default_value = "")]
    pub kind: String,
    /// Only events committed at this time or later
    #[arg(long)]
    pub since: Option<TimeArg>,
    /// Only events committed before this time
    #[arg(long)]
    pub until: Option<TimeArg>,
    /// Which page
    #[command(flatten)]
    pub page: PageArgs,
}

/// A state of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum StateArg {
    /// Held until the version before it is settled
    Waiting,
    /// To be sent
    Due,
    /// Acknowledged
    Delivered,
    /// Out of attempts
    DeadLetter,
    /// To be sent once more
    Resend,
    /// In the feed only
    Silent,
    /// Money without words
    Untold,
    /// Dealt with by other means
    Closed,
}

impl StateArg {
    fn wire(self) -> DeliveryState {
        match self {
            Self::Waiting => DeliveryState::Waiting,
            Self::Due => DeliveryState::Due,
            Self::Delivered => DeliveryState::Delivered,
            Self::DeadLetter => DeliveryState::DeadLetter,
            Self::Resend => DeliveryState::Resend,
            Self::Silent => DeliveryState::Silent,
            Self::Untold => DeliveryState::Untold,
            Self::Closed => DeliveryState::Closed,
        }
    }
}

/// Which events are sent again.
#[derive(Clone, Debug, Args)]
pub struct RecoverArgs {
    /// The app
    pub app_id: String,
    /// Only those for this endpoint
    #[arg(long, default_value = "")]
    pub endpoint: String,
    /// Only events committed at this time or later
    #[arg(long)]
    pub since: Option<TimeArg>,
    /// Only events committed before this time
    #[arg(long)]
    pub until: Option<TimeArg>,
    /// Acknowledged ones too, and not only dead letters
    #[arg(long)]
    pub include_delivered: bool,
    /// Why; kept in the audit log
    #[arg(long)]
    pub reason: String,
}

type Client = DeliveryServiceClient<Service>;

pub(super) async fn run(command: DeliveryCommand, args: &ClientArgs) -> Result<(), Failure> {
    let mut client = DeliveryServiceClient::new(args.open().await?);
    let shown = match command {
        DeliveryCommand::List(wish) => list(&mut client, wish, args).await?,
        DeliveryCommand::Recover(wish) => recover(&mut client, wish).await?,
        DeliveryCommand::Get { event_id } => {
            let answer = client.get_delivery(GetDeliveryRequest { event_id }).await?.into_inner();
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            if !args.json {
                one(answer.delivery)?.print(false);
                show::line(&show::plain(&body));
                return Ok(());
            }
            let mut shown = one(answer.delivery)?;
            shown.json["body"] = json!(body);
            shown
        }
        DeliveryCommand::Attempts { event_id } => {
            let answer = client.list_attempts(ListAttemptsRequest { event_id }).await?.into_inner();
            Shown::list("attempts", answer.attempts.iter().map(attempt).collect(), ATTEMPT.to_vec(), None)
        }
        DeliveryCommand::Resend { event_id, reason } => {
            one(client.resend_delivery(ResendDeliveryRequest { event_id, reason }).await?.into_inner().delivery)?
        }
        DeliveryCommand::Close { event_id, reason } => {
            one(client.close_delivery(CloseDeliveryRequest { event_id, reason }).await?.into_inner().delivery)?
        }
    };
    shown.print(args.json);
    Ok(())
}

/// A page may hold fewer rows than asked for although more follow: it is filled here.
async fn list(client: &mut Client, wish: ListArgs, args: &ClientArgs) -> Result<Shown, Failure> {
    let mut request = ListDeliveriesRequest {
        app_id: wish.app,
        endpoint_id: wish.endpoint,
        states: wish.states.into_iter().map(|state| state.wire().into()).collect(),
        r#type: wish.kind,
        since: wish.since.map(TimeArg::wire),
        until: wish.until.map(TimeArg::wire),
        page_size: wish.page.limit,
        page_token: wish.page.page_token,
    };
    let mut found = Vec::new();
    loop {
        let answer = client.list_deliveries(request.clone()).await?.into_inner();
        let count = i32::try_from(answer.deliveries.len()).unwrap_or(i32::MAX);
        found.extend(answer.deliveries);
        request.page_size = request.page_size.saturating_sub(count);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() || request.page_size <= 0 {
            break;
        }
    }
    args.hint_next(&request.page_token);
    let rows = found.iter().map(delivery).collect();
    Ok(Shown::list("deliveries", rows, DELIVERY.to_vec(), Some(&request.page_token)))
}

/// Asks again and again until the range is at its end. What is cut off goes on with the same command: what was put back
/// is no dead letter any more.
async fn recover(client: &mut Client, wish: RecoverArgs) -> Result<Shown, Failure> {
    let mut request = RecoverDeliveriesRequest {
        app_id: wish.app_id,
        endpoint_id: wish.endpoint,
        since: wish.since.map(TimeArg::wire),
        until: wish.until.map(TimeArg::wire),
        include_delivered: wish.include_delivered,
        reason: wish.reason,
        page_token: String::new(),
    };
    let (mut progress, mut sum) = (Progress::new("put back"), 0_u64);
    loop {
        let answer = client.recover_deliveries(Request::new(request.clone())).await;
        let answer = answer.map_err(|status| {
            show::message(&format!("{sum} were put back before this:"));
            Failure::from(status)
        })?;
        let answer = answer.into_inner();
        sum = sum.saturating_add(answer.count);
        progress.count(sum);
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            let text = vec![sum.to_string()];
            return Ok(Shown { json: json!({ "count": sum }), header: vec!["PUT BACK"], rows: vec![text] });
        }
    }
}

fn one(found: Option<Delivery>) -> Result<Shown, Failure> {
    found.as_ref().map(delivery).ok_or_else(|| Failure::new(FAILURE, "the daemon's answer holds no delivery"))
}

const DELIVERY: [&str; 9] = ["POSITION", "TIME", "APP", "TYPE", "STATE", "ATTEMPTS", "DUE", "RECEIVER", "EVENT"];

fn delivery(delivery: &Delivery) -> Shown {
    let [created, due, settled] =
        [&delivery.create_time, &delivery.due_time, &delivery.settle_time].map(|at| show::time(at.as_ref()));
    let state = delivery.state().as_str_name();
    let mut word = show::word(state, "DELIVERY_STATE_");
    if !delivery.silence.is_empty() {
        word = format!("{word} ({})", delivery.silence);
    }
    let row = vec![
        delivery.position.to_string(),
        created.clone().unwrap_or_default(),
        delivery.app_id.clone(),
        delivery.r#type.clone(),
        word,
        delivery.attempts.to_string(),
        due.clone().unwrap_or_default(),
        delivery.receiver.clone(),
        delivery.event_id.clone(),
    ];
    let json = json!({
        "event_id": delivery.event_id, "position": delivery.position, "type": delivery.r#type,
        "app_id": delivery.app_id, "endpoint_id": delivery.endpoint_id, "receiver": delivery.receiver,
        "protocol": delivery.protocol, "state": state, "silence": delivery.silence, "attempts": delivery.attempts,
        "tries": delivery.tries, "create_time": created, "due_time": due, "settle_time": settled,
        "after_event_id": delivery.after_event_id, "next_event_id": delivery.next_event_id,
    });
    Shown { json, header: DELIVERY.to_vec(), rows: vec![row] }
}

const ATTEMPT: [&str; 9] = ["NUMBER", "TIME", "TRIGGER", "OUTCOME", "STATUS", "MS", "PEER", "DETAIL", "ANSWER"];

/// Letters of an answer that a table shows; the rest is in the JSON.
const EXCERPT_SHOWN: usize = 80;

/// One attempt.
pub(super) fn attempt(attempt: &DeliveryAttempt) -> Shown {
    let started = show::time(attempt.start_time.as_ref());
    let row = vec![
        attempt.number.to_string(),
        started.clone().unwrap_or_default(),
        attempt.trigger.clone(),
        attempt.outcome.clone(),
        attempt.status.map(|status| status.to_string()).unwrap_or_default(),
        attempt.duration_ms.to_string(),
        attempt.peer.clone(),
        attempt.detail.clone(),
        attempt.excerpt.chars().take(EXCERPT_SHOWN).collect(),
    ];
    let json = json!({
        "number": attempt.number, "trigger": attempt.trigger, "start_time": started,
        "duration_ms": attempt.duration_ms, "peer": attempt.peer, "status": attempt.status,
        "outcome": attempt.outcome, "detail": attempt.detail, "excerpt": attempt.excerpt,
    });
    Shown { json, header: ATTEMPT.to_vec(), rows: vec![row] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_as_a_line_and_as_json() {
        let told = Delivery {
            event_id: "dep_a_1".into(),
            position: 7,
            r#type: "deposit.unmatched".into(),
            app_id: "shop".into(),
            receiver: "https://pay.example".into(),
            state: DeliveryState::Silent.into(),
            silence: "switched_off".into(),
            create_time: Some(prost_types::Timestamp { seconds: 951_782_400, nanos: 0 }),
            ..Delivery::default()
        };
        let shown = delivery(&told);
        assert_eq!(
            shown.rows[0].join(" "),
            "7 2000-02-29T00:00:00Z shop deposit.unmatched silent (switched_off) 0  https://pay.example dep_a_1"
        );
        assert_eq!((&shown.json["state"], &shown.json["due_time"]), (&json!("DELIVERY_STATE_SILENT"), &json!(null)));
    }

    #[test]
    fn what_a_receiver_answered_stays_one_cell() {
        let told = DeliveryAttempt { number: 1, excerpt: "x".repeat(500), status: Some(500), ..Default::default() };
        let shown = attempt(&told);
        assert_eq!((shown.rows[0][8].len(), shown.rows[0][4].as_str()), (80, "500"));
        assert_eq!(shown.json["excerpt"].as_str().map(str::len), Some(500));
    }
}
