use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use tokio::sync::mpsc;

use super::*;
use crate::{
    delivery,
    domain::{
        App, AttemptNo, EgressPolicy, Endpoint, LiveKey, Millis, NotificationState, NotifyUrl, Protocol, SigningKey,
        StoredKey,
    },
    store::StoreError,
    writer::Command,
};

/// Rows in memory, changed as the writer would change them.
#[derive(Clone, Debug, Default)]
struct Rows(Arc<Mutex<BTreeMap<EventId, Notification>>>, Arc<Mutex<Option<Endpoint>>>);

impl Rows {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<EventId, Notification>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due_rows(&self) -> Vec<(EndpointId, Millis, EventId)> {
        let mut due: Vec<_> =
            self.all().values().filter_map(|row| Some((row.endpoint(), row.due()?, row.id.clone()))).collect();
        due.sort();
        due
    }
}

impl Outbox for Rows {
    fn next_lane(&self, after: Option<EndpointId>) -> Result<Option<(EndpointId, Millis)>, StoreError> {
        let first = self.due_rows().into_iter().find(|(lane, ..)| after.is_none_or(|after| *lane > after));
        Ok(first.map(|(lane, due, _)| (lane, due)))
    }

    fn upcoming(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<(Millis, EventId)>, StoreError> {
        let lane = self.due_rows().into_iter().filter(|(lane, ..)| *lane == endpoint);
        Ok(lane.map(|(_, due, id)| (due, id)).take(limit).collect())
    }

    fn endpoint(&self, _id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        Ok(self.1.lock().unwrap().clone())
    }

    fn notification(&self, event: &EventId) -> Result<Option<Notification>, StoreError> {
        Ok(self.all().get(event).cloned())
    }

    fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        Ok(Some(App {
            news: Default::default(),
            amount_policy: crate::domain::AmountPolicy::AcceptActual,
            grace_s: 0,
            id: id.clone(),
            protocol: Protocol::StandardWebhooks,
            notify_url: NotifyUrl::checked("http://127.0.0.1/".to_owned()).unwrap(),
            notify_hosts: Vec::new(),
            keys: vec![LiveKey { key: StoredKey::Clear(SigningKey::kept(vec![7; 32])), until: None }],
            created: Millis(0),
        }))
    }
}

/// A receiver that takes `pause` for each answer, and how many requests it has begun to answer.
fn receiver(pause: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counted) = (stream.unwrap(), Arc::clone(&counted));
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n{}") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    request.extend(byte);
                }
                counted.fetch_add(1, Ordering::SeqCst);
                thread::sleep(pause);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            });
        }
    });
    (address, count)
}

fn row(address: SocketAddr, id: &str, due: Millis) -> Notification {
    Notification {
        trade: None,
        tries: 0,
        trigger: Default::default(),
        place: crate::domain::EventPlace(1),
        id: EventId::parse(id).unwrap(),
        app: "app1".parse().unwrap(),
        url: NotifyUrl::checked(format!("http://{address}/")).unwrap(),
        protocol: Protocol::StandardWebhooks,
        body: b"{}".to_vec(),
        created: due,
        attempts: AttemptNo(0),
        state: NotificationState::Due(due),
        after: None,
        then: None,
    }
}

fn settings(poll: Duration) -> NotifySettings {
    let _ = rustls::crypto::ring::default_provider().install_default();
    NotifySettings {
        egress: EgressPolicy { allow_insecure_loopback: true, ..EgressPolicy::default() },
        poll,
        grace: Duration::from_secs(5),
        ..NotifySettings::default()
    }
}

/// Plays the writer: settles rows, and counts how often each event was settled.
async fn settle_all(rows: Rows, mut commands: mpsc::Receiver<Command>) -> BTreeMap<EventId, u32> {
    let mut settled = BTreeMap::new();
    while let Some(command) = commands.recv().await {
        let Command::Settle { settlement, reply } = command else { panic!("only settlements are expected") };
        *settled.entry(settlement.event.clone()).or_default() += 1;
        let mut all = rows.all();
        let row = all.get_mut(&settlement.event).unwrap();
        *row = delivery::settle(row, &settlement.attempt, settlement.ended);
        drop(all);
        let _ = reply.send(Ok(()));
    }
    settled
}

fn delivered(rows: &Rows) -> usize {
    rows.all().values().filter(|row| row.is_settled()).count()
}

async fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited too long");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn everything_due_is_told_once_and_a_bell_wakes_it() {
    let (address, count) = receiver(Duration::from_millis(5));
    let rows = Rows::default();
    for n in 0..30 {
        let row = row(address, &format!("dep_{n}_1"), Millis(n));
        rows.all().insert(row.id.clone(), row);
    }
    let (writer, commands) = WriterHandle::new();
    let bell = writer.bell();
    let stop = CancellationToken::new();
    // Polling alone would be too late for the second part.
    let notifier = notifier(rows.clone(), writer, settings(Duration::from_secs(3600)));
    let seen = rows.clone();
    let script = async {
        until(|| delivered(&seen) == 30).await;
        let late = row(address, "dep_late_1", Millis(0));
        let endpoint = late.endpoint();
        seen.all().insert(late.id.clone(), late);
        bell.ring([endpoint]);
        until(|| delivered(&seen) == 31).await;
        stop.cancel();
    };
    let (ended, settled, ()) = tokio::join!(notifier.run(stop.clone()), settle_all(rows.clone(), commands), script);
    ended.unwrap();
    assert!(settled.len() == 31 && settled.values().all(|times| *times == 1), "{settled:?}");
    assert_eq!(count.load(Ordering::SeqCst), 31);
}

#[tokio::test]
async fn stopping_starts_nothing_and_finishes_what_is_on_its_way() {
    let (address, count) = receiver(Duration::from_millis(300));
    let rows = Rows::default();
    for n in 0..20 {
        let row = row(address, &format!("dep_{n:02}_1"), Millis(n));
        rows.all().insert(row.id.clone(), row);
    }
    let (writer, commands) = WriterHandle::new();
    let stop = CancellationToken::new();
    let notifier = notifier(rows.clone(), writer, settings(Duration::from_millis(50)));
    let script = async {
        until(|| count.load(Ordering::SeqCst) == 8).await;
        stop.cancel();
    };
    let (ended, settled, ()) = tokio::join!(notifier.run(stop.clone()), settle_all(rows.clone(), commands), script);
    ended.unwrap();
    assert_eq!((settled.len(), delivered(&rows), count.load(Ordering::SeqCst)), (8, 8, 8));
}

#[tokio::test]
async fn an_event_on_its_way_is_not_sent_again_however_often_the_bell_rings() {
    let (address, count) = receiver(Duration::from_millis(300));
    let rows = Rows::default();
    let only = row(address, "dep_x_1", Millis(0));
    let endpoint = only.endpoint();
    rows.all().insert(only.id.clone(), only);
    let (writer, commands) = WriterHandle::new();
    let bell = writer.bell();
    let stop = CancellationToken::new();
    let notifier = notifier(rows.clone(), writer, settings(Duration::from_millis(10)));
    let seen = rows.clone();
    let script = async {
        while delivered(&seen) == 0 {
            bell.ring([endpoint]);
            sleep(Duration::from_millis(3)).await;
        }
        stop.cancel();
    };
    let (ended, settled, ()) = tokio::join!(notifier.run(stop.clone()), settle_all(rows.clone(), commands), script);
    ended.unwrap();
    assert_eq!((settled.len(), count.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_receiver_that_is_not_there_rests_and_the_board_says_so() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rows = Rows::default();
    for n in 0..60 {
        let row = row(dead, &format!("dep_{n:02}_1"), Millis(n));
        rows.all().insert(row.id.clone(), row);
    }
    let lane = rows.due_rows()[0].0;
    let (writer, commands) = WriterHandle::new();
    let stop = CancellationToken::new();
    let notifier = notifier(rows.clone(), writer, settings(Duration::from_millis(20)));
    let board = notifier.board.clone();
    let script = async {
        until(|| board.resting(clock::now()) == 1).await;
        sleep(Duration::from_millis(300)).await;
        stop.cancel();
    };
    let (ended, settled, ()) = tokio::join!(notifier.run(stop.clone()), settle_all(rows.clone(), commands), script);
    ended.unwrap();
    let attempts: u32 = settled.values().sum();
    assert!((10..=17).contains(&attempts), "ten, and what was on its way with them: {attempts}");
    let status = board.of(lane).unwrap();
    assert!(status.in_flight == 0 && status.resting_until.is_some_and(|until| until > clock::now()), "{status:?}");
    assert_eq!(rows.due_rows().len(), 60, "all of them are still to be told");
}

#[tokio::test]
async fn a_parked_endpoint_is_sent_nothing_until_it_is_let_go_on() {
    let (address, count) = receiver(Duration::from_millis(5));
    let rows = Rows::default();
    for n in 0..10 {
        let row = row(address, &format!("dep_{n:02}_1"), Millis(n));
        rows.all().insert(row.id.clone(), row);
    }
    let first = row(address, "dep_00_1", Millis(0));
    let lane = first.endpoint();
    let parked = Some(crate::domain::Parked { since: Millis(1), why: crate::domain::WhyParked::Gone });
    *rows.1.lock().unwrap() = Some(Endpoint { parked, ..Endpoint::of(&first.app, &first.url) });
    let (writer, commands) = WriterHandle::new();
    let bell = writer.bell();
    let stop = CancellationToken::new();
    let notifier = notifier(rows.clone(), writer, settings(Duration::from_millis(20)));
    let seen = rows.clone();
    let script = async {
        for _ in 0..10 {
            bell.ring([lane]);
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((count.load(Ordering::SeqCst), seen.due_rows().len()), (0, 10));
        seen.1.lock().unwrap().as_mut().unwrap().parked = None;
        bell.ring([lane]);
        until(|| delivered(&seen) == 10).await;
        stop.cancel();
    };
    let (ended, settled, ()) = tokio::join!(notifier.run(stop.clone()), settle_all(rows.clone(), commands), script);
    ended.unwrap();
    assert_eq!((settled.len(), count.load(Ordering::SeqCst)), (10, 10));
}

fn notifier<R: Outbox>(rows: R, writer: WriterHandle, settings: NotifySettings) -> Notifier<R> {
    let client = Arc::new(Client::new(&settings, crate::notify::client::vault()).unwrap());
    Notifier::new(rows, writer, client, LaneBoard::default(), settings)
}
