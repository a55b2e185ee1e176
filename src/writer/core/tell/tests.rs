//! The outbox, from the fact to the last attempt, on a store in memory.

mod acts;
mod crashes;
mod random;
mod recovering;
mod settling;

use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{
        Act, Address, Attempt, BlockHash, BlockRef, Confirmations, Decimals, Deposit, DepositEvent, DepositId,
        DepositState, EventId, EventPlace, EventVersion, Family, Height, LiveKey, LogOrdinal, NetworkId, NetworkSpec,
        News, NotificationState, NotifyUrl, Outcome, Policy, Reason, SigningKey, Silence, StoredKey, Threshold,
        Timestamp, Token, TokenAmount, TxHash, UserMark, V1Format, V1Scheme,
    },
    store::{MemoryEngine, Store},
    writer::{Loading, Settlement},
};

const V1: Protocol = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };

fn network() -> NetworkId {
    "net".parse().unwrap()
}

fn token() -> Token {
    Token {
        contract: Address([0xee; 20]),
        symbol: "USDT".to_owned(),
        decimals: Decimals::new(6).unwrap(),
        minimum: TokenAmount::of(1),
    }
}

fn spec() -> NetworkSpec {
    NetworkSpec {
        main_coin: Some(195),
        id: network(),
        family: Family::Evm,
        tokens: BTreeMap::from([(token().contract, token())]),
        policy: Policy::flat(Threshold::Confirmations(Confirmations::new(1).unwrap())),
        window_blocks: 16,
    }
}

fn app(id: &str) -> App {
    App {
        news: News::default(),
        amount_policy: crate::domain::AmountPolicy::AcceptActual,
        grace_s: 0,
        id: id.parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: url(&format!("https://{id}.example/hook")),
        notify_hosts: Vec::new(),
        keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
        created: Millis(0),
    }
}

fn url(text: &str) -> NotifyUrl {
    NotifyUrl::checked(text.to_owned()).unwrap()
}

fn act(at: u64) -> Act {
    Act { by: "uid 0".to_owned(), at: Millis(at), why: "asked".to_owned() }
}

fn load(engine: &MemoryEngine) -> Core {
    let mut loading = Loading::of([spec()]);
    let store = Store::in_memory(engine, |row| loading.row(row)).unwrap();
    loading.finish(store).unwrap()
}

/// With the apps "shop" and "bank".
fn core() -> Core {
    let mut core = load(&MemoryEngine::new());
    for id in ["shop", "bank"] {
        core.create_app(app(id), &act(0)).unwrap();
    }
    core.commit().unwrap();
    core
}

fn deposit(owner: &str, number: u8, version: u32) -> Deposit {
    Deposit {
        by_hand: false,
        hold: None,
        id: DepositId { network: network(), tx: TxHash([number; 32]), token: token().contract, ordinal: LogOrdinal(0) },
        family: Family::Evm,
        from: Address([1; 20]),
        to: Address([2; 20]),
        amount: TokenAmount::of(5_000_000),
        included_at: BlockRef { height: Height(u64::from(version) + 1), hash: BlockHash([9; 32]) },
        block_time: Timestamp(0),
        state: DepositState::Confirmed,
        version: EventVersion(version),
        unmatched_told: false,
        first_seen: Height(0),
        app: owner.parse().unwrap(),
        user_mark: UserMark::default(),
        order: None,
        reason: if version % 2 == 1 { Reason::Matched } else { Reason::Reversed },
    }
}

/// The version's event: odd ones credit, even ones take back, 0 is `deposit.detected`.
fn event(owner: &str, number: u8, version: u32) -> Event {
    let deposit = deposit(owner, number, version);
    let (kind, id) = match version {
        0 => (EventKind::Detected, EventId::detected(&deposit.text())),
        _ if version % 2 == 1 => (EventKind::Confirmed, EventId::money(&deposit.text(), deposit.version)),
        _ => (EventKind::Reversed, EventId::money(&deposit.text(), deposit.version)),
    };
    let taken_back = EventVersion(version.saturating_sub(1));
    let reverses = (kind == EventKind::Reversed).then(|| EventId::money(&deposit.text(), taken_back));
    Event::Deposit(DepositEvent {
        id,
        kind,
        version: deposit.version,
        timestamp: Timestamp(1),
        family: Family::Evm,
        token: token(),
        confirmations: 1,
        order: None,
        reverses,
        deposit,
    })
}

fn money(owner: &str, number: u8, version: u32) -> EventId {
    event(owner, number, version).id().clone()
}

/// Facts become rows, in one commit.
fn tell(core: &mut Core, events: Vec<Event>, now: u64) {
    let mut changes = Changeset { changes: Vec::new(), events };
    core.compose(&mut changes, Millis(now)).unwrap();
    core.stage(&changes).unwrap();
    core.commit().unwrap();
}

/// The same for an app whose protocol has one word, where the event is one it has the word for.
fn tell_in_one_word(core: &mut Core, event: &Event, now: u64) {
    let row = delivery::compose(event, core.last_event.next(), None, &app("shop"), Millis(now)).unwrap();
    let mut draft = Draft::over(&core.store);
    draft.put(Notification { protocol: V1, ..row }, Millis(now)).unwrap();
    let changes = draft.changes().collect();
    core.stage(&Changeset { changes, events: Vec::new() }).unwrap();
    core.commit().unwrap();
}

fn row(core: &Core, id: &EventId) -> Notification {
    core.store().notification(id).unwrap().unwrap_or_else(|| panic!("{id} is not there"))
}

fn state(core: &Core, id: &EventId) -> NotificationState {
    row(core, id).state
}

/// Puts a row into a state whatever it was.
fn force(core: &mut Core, id: &EventId, state: NotificationState) {
    let row = Notification { state, ..row(core, id) };
    core.stage_one(Change::Notification(row)).unwrap();
    core.commit().unwrap();
}

fn attempt(row: &Notification, outcome: Outcome, started: u64) -> Attempt {
    Attempt {
        event: row.id.clone(),
        number: row.attempts.next(),
        trigger: row.trigger,
        peer: None,
        started: Millis(started),
        took_ms: 1,
        status: None,
        outcome,
        detail: String::new(),
        excerpt: String::new(),
    }
}

fn refused() -> Outcome {
    Outcome::Refused { retry_after_s: None, slow_down: false }
}

/// One attempt, begun at `at` and settled a millisecond later.
fn post(core: &mut Core, id: &EventId, outcome: Outcome, at: u64) {
    let attempt = attempt(&row(core, id), outcome, at);
    core.settle(&Settlement { event: id.clone(), attempt, ended: Millis(at + 1) }).unwrap();
    core.commit().unwrap();
}

fn count(core: &Core, table: &str) -> u64 {
    core.store().reader().counts()[table]
}

#[test]
fn an_endpoint_is_introduced_once_also_by_events_of_one_changeset() {
    let mut core = core();
    let mut changes =
        Changeset { changes: Vec::new(), events: vec![event("shop", 1, 1), event("shop", 2, 1), event("bank", 3, 1)] };
    core.compose(&mut changes, Millis(1)).unwrap();
    let introduced =
        |changes: &Changeset| changes.changes.iter().filter(|change| matches!(change, Change::Endpoint(_))).count();
    assert_eq!(introduced(&changes), 2);
    core.stage(&changes).unwrap();
    let mut more = Changeset { changes: Vec::new(), events: vec![event("shop", 4, 1)] };
    core.compose(&mut more, Millis(2)).unwrap();
    assert_eq!(introduced(&more), 0, "what is staged is known");
    core.commit().unwrap();
    let reader = core.store().reader();
    let mut names: Vec<String> = reader.endpoints(None, 9).unwrap().into_iter().map(|it| it.receiver).collect();
    names.sort();
    assert_eq!(names, [app("bank"), app("shop")].map(|app| app.notify_url.receiver().to_owned()));
}

#[test]
fn news_nobody_asked_for_leave_no_gap_and_a_fact_has_one_row() {
    let mut core = core();
    tell(&mut core, vec![event("shop", 1, 0), event("shop", 1, 1), event("shop", 2, 0), event("shop", 2, 1)], 1);
    let places = |core: &Core| -> Vec<u64> {
        let feed = core.store().reader().events(None, EventPlace(0), 99).unwrap();
        feed.into_iter().map(|row| row.place.0).collect()
    };
    assert_eq!(places(&core), [1, 2]);
    let asking = App { news: News { detected: true, ..News::default() }, ..app("shop") };
    core.stage_one(Change::App(asking)).unwrap();
    tell(&mut core, vec![event("shop", 3, 0), event("shop", 3, 1)], 2);
    assert_eq!(places(&core), [1, 2, 3, 4]);
    assert!(matches!(state(&core, event("shop", 3, 0).id()), NotificationState::Due(_)));

    let before = row(&core, &money("shop", 1, 1));
    tell(&mut core, vec![event("shop", 1, 1)], 3);
    assert_eq!(row(&core, &money("shop", 1, 1)), before, "the same fact again changes nothing");
    assert_eq!(places(&core), [1, 2, 3, 4]);
}

#[test]
fn a_udun_number_that_is_taken_is_not_given_twice() {
    let mut core = core();
    core.stage_one(Change::App(App { protocol: Protocol::Udun, ..app("shop") })).unwrap();
    let text = deposit("shop", 1, 1).text();
    let first = udun::trade_id(&text);
    core.stage_one(Change::Trade(first, "dep_another".to_owned())).unwrap();
    core.stage_one(Change::Trade(first + 1, "dep_a_third".to_owned())).unwrap();
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    let trade = row(&core, &money("shop", 1, 1)).trade.unwrap();
    assert_eq!((trade.main_coin, trade.id), (195, first + 2));
    assert_eq!(core.store().trade(first).unwrap().as_deref(), Some("dep_another"));
    assert_eq!(core.store().trade(first + 2).unwrap(), Some(text.clone()));

    tell(&mut core, vec![event("shop", 1, 2), event("shop", 1, 3)], 2);
    assert_eq!(row(&core, &money("shop", 1, 3)).trade, Some(trade), "a deposit keeps its number");
    assert_eq!(row(&core, &money("shop", 1, 2)).trade, None);
    assert_eq!(count(&core, "trades"), 3);
}

#[test]
fn versions_of_one_changeset_line_up_too() {
    let mut core = core();
    tell(&mut core, (1..=4).map(|version| event("shop", 1, version)).collect(), 1);
    let states = |core: &Core| [1, 2, 3, 4].map(|version| state(core, &money("shop", 1, version)).word());
    assert_eq!(states(&core), ["due", "waiting", "waiting", "waiting"]);
    assert_eq!(row(&core, &money("shop", 1, 3)).then, Some(money("shop", 1, 4)));
    post(&mut core, &money("shop", 1, 1), Outcome::Accepted, 5);
    assert_eq!(states(&core), ["delivered", "due", "waiting", "waiting"]);
    assert_eq!(state(&core, &money("shop", 1, 2)), NotificationState::Due(Millis(6)));
}

#[test]
fn what_is_never_sent_holds_nobody_back_and_lets_nobody_pass() {
    let mut core = core();
    let id = |version| money("shop", 1, version);
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
    force(&mut core, &id(2), NotificationState::Silent(Silence::NoWords));
    tell(&mut core, vec![event("shop", 1, 3)], 2);
    assert_eq!(state(&core, &id(3)), NotificationState::Waiting, "the first is not settled");
    post(&mut core, &id(1), Outcome::Accepted, 3);
    assert_eq!(state(&core, &id(3)), NotificationState::Due(Millis(4)), "over the one that is never sent");
    let feed = core.store().reader().events(None, EventPlace(0), 9).unwrap();
    assert_eq!(feed.len(), 3, "all are in the feed");

    force(&mut core, &id(3), NotificationState::Untold(Millis(5)));
    tell(&mut core, vec![event("shop", 1, 4)], 6);
    assert_eq!(state(&core, &id(4)), NotificationState::Due(Millis(6)));
}

#[test]
fn what_a_protocol_has_no_words_for_is_in_the_feed_all_the_same() {
    let mut core = core();
    core.stage_one(Change::App(App { protocol: V1, ..app("shop") })).unwrap();
    tell(&mut core, vec![event("shop", 1, 1)], 1);
    tell(&mut core, vec![event("shop", 1, 2)], 2);
    assert_eq!(core.store().reader().events(None, EventPlace(0), 9).unwrap().len(), 2, "both are in the feed");
    assert!((1..=2).all(|version| row(&core, &money("shop", 1, version)).protocol == V1));
}

#[test]
fn in_one_word_what_was_taken_back_unheard_is_withdrawn_and_what_was_heard_is_untold() {
    let mut core = core();
    let id = |version| money("shop", 1, version);
    tell_in_one_word(&mut core, &event("shop", 1, 1), 1);
    let on_its_way = attempt(&row(&core, &id(1)), Outcome::Accepted, 1);
    tell_in_one_word(&mut core, &event("shop", 1, 2), 2);
    let withdrawn = NotificationState::Silent(Silence::Withdrawn);
    assert_eq!([1, 2].map(|version| state(&core, &id(version))), [withdrawn; 2]);

    core.settle(&Settlement { event: id(1), attempt: on_its_way, ended: Millis(3) }).unwrap();
    core.commit().unwrap();
    assert_eq!(state(&core, &id(1)), NotificationState::Delivered(Millis(3)), "it was heard after all");
    assert!(matches!(state(&core, &id(2)), NotificationState::Untold(_)), "so he has to know");
    assert_eq!(count(&core, "untold"), 1);
    assert_eq!(core.alarms.len(), 1, "and a person has to know of that");
}

#[test]
fn rows_of_a_protocol_with_words_for_everything_are_left_alone() {
    let mut core = core();
    let id = |version| money("shop", 1, version);
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2)], 1);
    tell_in_one_word(&mut core, &event("shop", 1, 3), 2);
    let states = [1, 2].map(|version| state(&core, &id(version)).word());
    assert_eq!(states, ["due", "waiting"], "both words are his");
    assert_eq!(row(&core, &id(1)).protocol, Protocol::StandardWebhooks);
}

#[test]
fn another_app_does_not_wait_for_the_receiver_of_the_one_that_was_paid_before() {
    let mut core = core();
    let id = |version| money("shop", 1, version);
    tell(&mut core, vec![event("shop", 1, 1), event("shop", 1, 2), event("bank", 1, 3), event("bank", 1, 4)], 1);
    let states = [1, 2, 3, 4].map(|version| state(&core, &id(version)).word());
    assert_eq!(states, ["due", "waiting", "due", "waiting"]);
    assert_eq!(row(&core, &id(3)).app.as_str(), "bank");
}
