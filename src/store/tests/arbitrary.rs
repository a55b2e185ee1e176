//! Any row at all, as far as the domain lets it be built.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    domain::{
        Act, Action, AmountPolicy, Attempt, Confirmations, Expiry, Need, News, OrderLine, OrderState, Outcome, Parked,
        PolicyScope, SealedKey, Silence, Since, Threshold, TierFrom, Trade, Trigger, V1Format, V1Scheme, V2Sign, Watch,
        WhyParked, notification::Unreached,
    },
    store::codec::Row,
};

fn name() -> impl Strategy<Value = AppId> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| text.parse().unwrap())
}

fn slug() -> impl Strategy<Value = NetworkId> {
    "[a-z0-9-]{1,32}".prop_map(|text| text.parse().unwrap())
}

fn order_id() -> impl Strategy<Value = OrderId> {
    "[^\\p{Cc}]{1,64}".prop_map(|text| OrderId::parse(&text).unwrap())
}

fn user_mark() -> impl Strategy<Value = UserMark> {
    "[^\\p{Cc}]{0,64}".prop_map(|text| UserMark::parse(&text).unwrap())
}

fn event_id() -> impl Strategy<Value = EventId> {
    "[A-Za-z0-9_-]{1,64}".prop_map(|text| EventId::parse(&text).unwrap())
}

fn notify_url() -> impl Strategy<Value = NotifyUrl> {
    "https://[a-z]{1,20}/[a-z?=&%é]{0,100}".prop_map(|text| url(&text))
}

fn any_address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address)
}

fn any_amount() -> impl Strategy<Value = TokenAmount> {
    any::<[u8; 32]>().prop_map(|bytes| TokenAmount::from_bytes(&bytes))
}

fn millis() -> impl Strategy<Value = Millis> {
    any::<u64>().prop_map(Millis)
}

fn amount_policy() -> impl Strategy<Value = AmountPolicy> {
    prop::sample::select(AmountPolicy::ALL.to_vec())
}

fn since() -> impl Strategy<Value = Since> {
    prop_oneof![
        any::<u64>().prop_map(|height| Since::Height(Height(height))),
        any::<u64>().prop_map(|time| Since::Time(Timestamp(time)))
    ]
}

fn watch() -> impl Strategy<Value = Watch> {
    (any::<u64>(), option::of(since())).prop_map(|(from, since)| Watch { effective_from: Height(from), since })
}

fn act() -> impl Strategy<Value = Act> {
    (".{0,64}", millis(), ".{0,200}").prop_map(|(by, at, why)| Act { by, at, why })
}

fn any_block() -> impl Strategy<Value = BlockRef> {
    (any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(height, hash)| BlockRef { height: Height(height), hash: BlockHash(hash) })
}

fn deposit_id() -> impl Strategy<Value = DepositId> {
    (slug(), any::<[u8; 32]>(), any_address(), any::<u32>()).prop_map(|(network, tx, token, ordinal)| DepositId {
        network,
        tx: TxHash(tx),
        token,
        ordinal: LogOrdinal(ordinal),
    })
}

/// Every protocol with every switch.
fn protocol() -> impl Strategy<Value = Protocol> {
    let schemes = [V1Scheme::HmacSha256Sorted, V1Scheme::Sha1KvUpper];
    let formats = [V1Format::Form, V1Format::Json];
    let v1 =
        schemes.into_iter().flat_map(move |scheme| formats.map(|format| Protocol::CrossingPayV1 { scheme, format }));
    let v2 = [V2Sign::A, V2Sign::B].map(|sign| Protocol::CrossingPayV2 { sign });
    prop::sample::select(Protocol::ALL.into_iter().chain(v1).chain(v2).collect::<Vec<_>>())
}

fn news() -> impl Strategy<Value = News> {
    any::<[bool; 4]>().prop_map(|[detected, unmatched, expired, cancelled]| News {
        detected,
        unmatched,
        expired,
        cancelled,
    })
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop::sample::select(vec![Trigger::Schedule, Trigger::Manual, Trigger::Recover, Trigger::Test])
}

fn app_row() -> impl Strategy<Value = Row> {
    let key = prop_oneof![
        vec(any::<u8>(), 24..=64).prop_map(|key| StoredKey::Clear(SigningKey::kept(key))),
        (any::<[u8; 8]>(), any::<[u8; 16]>(), any::<[u8; 12]>(), vec(any::<u8>(), 0..=80))
            .prop_map(|(master, mark, nonce, sealed)| StoredKey::Sealed(SealedKey { master, mark, nonce, sealed }))
    ];
    let key = (key, option::of(millis())).prop_map(|(key, until)| LiveKey { key, until });
    let rules = (amount_policy(), any::<u32>(), protocol(), news());
    (name(), notify_url(), vec("[a-z.]{1,40}", 0..4), vec(key, 0..=2), millis(), rules).prop_map(
        |(id, notify_url, notify_hosts, keys, created, (amount_policy, grace_s, protocol, news))| {
            Row::App(App { news, amount_policy, grace_s, id, protocol, notify_url, notify_hosts, keys, created })
        },
    )
}

fn order_row() -> impl Strategy<Value = Row> {
    let line = (slug(), any_address(), any::<u64>(), option::of(since()), any::<bool>()).prop_map(
        |(network, token, from, since, closed)| {
            let effective_from = Height(from);
            OrderLine { network, token, effective_from, since, closed }
        },
    );
    let lines = vec(line, 0..8).prop_map(|mut lines| {
        // No network twice, as at the door.
        lines.sort_by(|one, two| one.network.cmp(&two.network));
        lines.dedup_by(|one, two| one.network == two.network);
        lines
    });
    let state = prop_oneof![
        Just(OrderState::Open),
        deposit_id().prop_map(OrderState::Paid),
        deposit_id().prop_map(OrderState::Reversed),
        Just(OrderState::Cancelled),
        Just(OrderState::Expired)
    ];
    let expiry = (any::<u64>(), any::<u32>()).prop_map(|(at, grace_s)| Expiry { at: Timestamp(at), grace_s });
    let names = (name(), order_id(), user_mark(), option::of("[^\\p{Cc}]{0,64}"));
    let rules = (amount_policy(), option::of(amount_policy()), option::of(expiry));
    let urls = (option::of(notify_url()), option::of(notify_url()), option::of("[A-Z0-9]{1,40}"));
    (names, any_address(), lines, any_amount(), urls, millis(), state, rules).prop_map(
        |((app, id, user_mark, username), address, lines, expected, urls, created, state, rules)| {
            let (notify_url, fail_url, serial) = urls;
            let (amount_policy, own_amount_policy, expiry) = rules;
            Row::Order(Order {
                fail_url,
                serial,
                app,
                id,
                user_mark,
                username,
                address,
                lines,
                expected,
                notify_url,
                amount_policy,
                own_amount_policy,
                expiry,
                created,
                state,
            })
        },
    )
}

fn holding_row() -> impl Strategy<Value = Row> {
    let orders = (option::of(order_id()), option::of(order_id()));
    (slug(), any_address(), name(), user_mark(), option::of(watch()), orders, millis()).prop_map(
        |(network, address, app, user_mark, standing, (open_order, last_order), created)| {
            Row::Holding(Holding { network, address, app, user_mark, standing, open_order, last_order, created })
        },
    )
}

fn cursor_row() -> impl Strategy<Value = Row> {
    let heights = (any::<u64>(), option::of(any::<u64>()));
    (slug(), any_block(), any::<u64>(), heights, option::of(any_block())).prop_map(
        |(network, tip, time, (peak, back), finalized)| {
            let (peak, take_back_above) = (Height(peak), back.map(Height));
            Row::Cursor(network, Cursor { tip, tip_time: Timestamp(time), peak, finalized, take_back_above })
        },
    )
}

fn header_row() -> impl Strategy<Value = Row> {
    (slug(), any_block(), any::<[u8; 32]>(), any::<u64>()).prop_map(|(network, at, parent, time)| {
        Row::Header(network, Header { at, parent: BlockHash(parent), time: Timestamp(time) })
    })
}

fn deposit_row() -> impl Strategy<Value = Row> {
    use DepositState::{Confirmed, Detected, Finalized, Orphaned, Unmatched};
    use Reason::{
        BelowMinimum, Duplicate, Late, Manual, Matched, NoOpenOrder, Over, Pending, Reversed, SelfTransfer, Under,
    };
    let states = prop::sample::select(vec![Detected, Confirmed, Finalized, Unmatched, Orphaned]);
    let reasons = prop::sample::select(vec![
        Pending,
        Matched,
        Under,
        Over,
        Duplicate,
        NoOpenOrder,
        BelowMinimum,
        SelfTransfer,
        Late,
        Manual,
        Reversed,
    ]);
    let families = prop::sample::select(vec![Family::Evm, Family::Tron]);
    let who = (any_address(), any_address(), name(), user_mark(), option::of(order_id()));
    let when = (any_block(), any::<u64>(), any::<u64>(), any::<u32>(), any::<bool>());
    (deposit_id(), families, who, any_amount(), when, states, reasons, option::of(act())).prop_map(
        |(id, family, (from, to, app, user_mark, order), amount, when, state, reason, hold)| {
            let (included_at, time, first_seen, version, unmatched_told) = when;
            Row::Deposit(Deposit {
                by_hand: false,
                hold,
                id,
                family,
                from,
                to,
                amount,
                included_at,
                block_time: Timestamp(time),
                state,
                version: EventVersion(version),
                unmatched_told,
                first_seen: Height(first_seen),
                app,
                user_mark,
                order,
                reason,
            })
        },
    )
}

fn notification_row() -> impl Strategy<Value = Row> {
    let state = prop_oneof![
        Just(NotificationState::Waiting),
        millis().prop_map(NotificationState::Due),
        millis().prop_map(NotificationState::Delivered),
        millis().prop_map(NotificationState::DeadLetter),
        (millis(), millis()).prop_map(|(delivered, due)| NotificationState::Resend { delivered, due }),
        prop::sample::select(Silence::ALL.to_vec()).prop_map(NotificationState::Silent),
        millis().prop_map(NotificationState::Untold),
        millis().prop_map(NotificationState::Closed)
    ];
    let links = (option::of(event_id()), option::of(event_id()), any::<u64>());
    let trade = (any::<u32>(), any::<u64>()).prop_map(|(main_coin, id)| Trade { main_coin, id });
    let how = (protocol(), any::<[u32; 2]>(), trigger(), option::of(trade));
    (event_id(), name(), notify_url(), vec(any::<u8>(), 0..2560), millis(), how, state, links).prop_map(
        |(id, app, url, body, created, (protocol, [attempts, tries], trigger, trade), state, (after, then, place))| {
            Row::Notification(Notification {
                trade,
                tries,
                trigger,
                place: EventPlace(place),
                id,
                app,
                url,
                protocol,
                body,
                created,
                attempts: AttemptNo(attempts),
                state,
                after,
                then,
            })
        },
    )
}

fn attempt_row() -> impl Strategy<Value = Row> {
    use Unreached::{Broken, Connect, Dns, Request, TimedOut, Tls};
    let unreached = [Dns, Connect, Tls, TimedOut, Broken, Request];
    let peer = option::of(any::<std::net::IpAddr>());
    let outcome = prop_oneof![
        Just(Outcome::Accepted),
        Just(Outcome::Gone),
        (option::of(any::<u64>()), any::<bool>())
            .prop_map(|(retry_after_s, slow_down)| Outcome::Refused { retry_after_s, slow_down }),
        prop::sample::select(unreached.to_vec()).prop_map(Outcome::Unreachable),
        Just(Outcome::Blocked)
    ];
    let texts = (".{0,200}", ".{0,200}");
    let who = (trigger(), peer);
    (event_id(), any::<u32>(), millis(), any::<u64>(), option::of(any::<u16>()), outcome, texts, who).prop_map(
        |(event, number, started, took_ms, status, outcome, (detail, excerpt), (trigger, peer))| {
            Row::Attempt(Attempt {
                peer,
                trigger,
                event,
                number: AttemptNo(number),
                started,
                took_ms,
                status,
                outcome,
                detail,
                excerpt,
            })
        },
    )
}

fn endpoint_row() -> impl Strategy<Value = Row> {
    let why = prop_oneof![Just(WhyParked::Gone), Just(WhyParked::Failing), act().prop_map(WhyParked::Operator)];
    let parked = option::of((millis(), why).prop_map(|(since, why)| Parked { since, why }));
    (any::<[u8; 8]>(), name(), ".{0,300}", parked, option::of(millis()), any::<u32>()).prop_map(
        |(id, app, receiver, parked, failing_since, failures)| {
            Row::Endpoint(Endpoint { id: EndpointId(id), app, receiver, parked, failing_since, failures })
        },
    )
}

fn trade_row() -> impl Strategy<Value = Row> {
    (any::<u64>(), "dep_[a-z2-7]{32}").prop_map(|(number, deposit)| Row::Trade(number, deposit))
}

fn override_row() -> impl Strategy<Value = Row> {
    let from = prop_oneof![Just("0".to_owned()), "[1-9][0-9]{0,20}", "(0|[1-9][0-9]{0,9})\\.[0-9]{0,17}[1-9]"];
    let scope = (option::of(any_address()), option::of(name()), from).prop_map(|(token, app, from)| PolicyScope {
        token,
        app,
        from: TierFrom::parse(&from).unwrap(),
    });
    let threshold = prop_oneof![
        Just(Threshold::Finalized),
        (1..=u32::MAX).prop_map(|count| Threshold::Confirmations(Confirmations::new(count).unwrap()))
    ];
    (slug(), scope, threshold, any::<bool>(), act()).prop_map(|(network, scope, threshold, second_source, act)| {
        Row::Override(PolicyOverride { network, scope, need: Need { threshold, second_source }, act })
    })
}

fn scan_row() -> impl Strategy<Value = Row> {
    let target = prop_oneof![Just(ScanTarget::Everything), any_address().prop_map(ScanTarget::Address)];
    (slug(), target, since(), any::<u64>(), option::of(any::<u64>()), any::<u64>(), millis()).prop_map(
        |(network, target, since, to, next, found, created)| {
            Row::Scan(Scan { network, target, since, to: Height(to), next: next.map(Height), found, created })
        },
    )
}

fn audit_row() -> impl Strategy<Value = Row> {
    let texts = (".{0,100}", ".{0,100}", ".{0,100}");
    (any::<u64>(), act(), prop::sample::select(Action::ALL.to_vec()), texts, any::<[u8; 32]>()).prop_map(
        |(number, act, action, (subject, before, after), previous)| {
            Row::Audit(AuditRecord { number, act, action, subject, before, after, previous })
        },
    )
}

/// Any row.
pub(super) fn row() -> impl Strategy<Value = Row> {
    prop_oneof![
        app_row(),
        order_row(),
        holding_row(),
        cursor_row(),
        header_row(),
        deposit_row(),
        notification_row(),
        attempt_row(),
        override_row(),
        scan_row(),
        endpoint_row(),
        trade_row(),
        audit_row()
    ]
}
