use super::*;
use crate::{
    delivery::{compose, testing},
    domain::{Event, EventKind, EventPlace, OrderId, TokenAmount, Trade},
};

const NOW: Millis = Millis(1_000_000);
const V1: Protocol = Protocol::ALL[1];

/// Version `number` of one deposit, with this amount, in this state.
fn row(protocol: Protocol, number: u32, amount: u64, state: NotificationState) -> Notification {
    let kind = if number % 2 == 1 { EventKind::Confirmed } else { EventKind::Reversed };
    let mut event = testing::deposit(testing::TRON, kind, number);
    event.deposit.amount = TokenAmount::of(amount);
    let trade = (number % 2 == 1).then_some(Trade { main_coin: 195, id: 1 });
    let row = compose(&Event::Deposit(event), EventPlace(1), trade, &testing::app(protocol), Millis(7)).unwrap();
    Notification { state, ..row }
}

fn states() -> [NotificationState; 11] {
    use NotificationState::{Closed, DeadLetter, Delivered, Due, Resend, Silent, Untold, Waiting};
    [
        Waiting,
        Due(Millis(7)),
        Delivered(Millis(8)),
        DeadLetter(Millis(9)),
        Resend { delivered: Millis(8), due: Millis(9) },
        Silent(Silence::Withdrawn),
        Silent(Silence::ToldBefore),
        Silent(Silence::Dust),
        Silent(Silence::NoWords),
        Untold(Millis(9)),
        Closed(Millis(9)),
    ]
}

/// The rule in other words, over (number, amount, state); all versions are told by a one-word protocol.
fn ruled(all: &[(usize, u64, NotificationState)]) -> Vec<NotificationState> {
    use NotificationState::{Closed, DeadLetter, Delivered, Due, Resend, Silent, Untold, Waiting};
    let told = |state: NotificationState| matches!(state, Delivered(_) | Resend { .. });
    let believes = |before: &[(usize, u64, NotificationState)]| {
        let person = |(number, _, state): &(usize, u64, NotificationState)| {
            matches!(state, Closed(_)) || (number % 2 == 1 && matches!(state, Untold(_)))
        };
        if before.iter().any(person) {
            return Err(());
        }
        let mut told_amounts: Vec<u64> = vec![];
        for (number, amount, state) in before {
            match (number % 2, told(*state)) {
                (1, true) => told_amounts.push(*amount),
                // Cannot happen while all are told by one word; a merchant who acknowledged a reversal knows of it.
                (0, true) => told_amounts.clear(),
                _ => {}
            }
            if told_amounts.iter().any(|told| *told != told_amounts[0]) {
                return Err(());
            }
        }
        Ok(told_amounts.first().copied())
    };
    let newest = all.len();
    let of = |(number, amount, state): (usize, u64, NotificationState)| {
        let belief = believes(&all[..number - 1]);
        let is_open = matches!(state, Waiting | Due(_));
        let reversal = if belief == Ok(None) { Silent(Silence::Withdrawn) } else { Untold(NOW) };
        match (number % 2 == 1, number == newest) {
            (true, false) if is_open || matches!(state, DeadLetter(_)) => Silent(Silence::Withdrawn),
            (false, false) if is_open => reversal,
            (false, true) if is_open || state == Silent(Silence::Withdrawn) => reversal,
            (true, true) if is_open => match belief {
                Ok(None) if state == Waiting => Due(NOW),
                Ok(None) => state,
                Ok(Some(told)) if told == amount => Silent(Silence::ToldBefore),
                _ => Untold(NOW),
            },
            _ => state,
        }
    };
    all.iter().map(|version| of(*version)).collect()
}

#[test]
fn every_sequence_of_four_versions_follows_the_rule() {
    let mut seen = 0_u32;
    let mut pending: Vec<Vec<(usize, u64, NotificationState)>> = vec![vec![]];
    let rows: Vec<Vec<Notification>> = (1..=4)
        .map(|number| [5_000_000, 6_000_000].map(|amount| row(V1, number, amount, NotificationState::Waiting)).into())
        .collect();
    while let Some(sequence) = pending.pop() {
        if !sequence.is_empty() {
            let versions: Vec<Notification> = sequence
                .iter()
                .map(|(number, amount, state)| Notification {
                    state: *state,
                    ..rows[number - 1][usize::from(*amount == 6_000_000)].clone()
                })
                .collect();
            let revised = revise(&versions, NOW);
            let mut after = versions.clone();
            for row in &revised {
                let at = versions.iter().position(|version| version.id == row.id).unwrap();
                assert_ne!(versions[at].state, row.state, "only what changes is named");
                assert_eq!(&Notification { state: versions[at].state, ..row.clone() }, &versions[at]);
                after[at] = row.clone();
            }
            let states: Vec<_> = after.iter().map(|row| row.state).collect();
            assert_eq!(states, ruled(&sequence), "{sequence:?}");
            assert_eq!(revise(&after, NOW), [], "once is enough: {sequence:?}");
            seen += 1;
        }
        if sequence.len() < 4 {
            let number = sequence.len() + 1;
            // A reversal takes back what was credited, whatever that was.
            let amounts: &[u64] = if number % 2 == 1 { &[5_000_000, 6_000_000] } else { &[5_000_000] };
            for (amount, state) in amounts.iter().flat_map(|amount| states().map(|state| (*amount, state))) {
                pending.push([sequence.clone(), vec![(number, amount, state)]].concat());
            }
        }
    }
    assert_eq!(seen, 22 + 22 * 11 + 22 * 11 * 22 + 22 * 11 * 22 * 11);
}

#[test]
fn a_credit_accepted_late_turns_a_withdrawal_into_an_alarm() {
    use NotificationState::{Delivered, Due, Silent, Untold};
    for protocol in [Protocol::ALL[1], Protocol::ALL[2], Protocol::ALL[3]] {
        let first = row(protocol, 1, 5_000_000, Due(Millis(7)));
        let second = row(protocol, 2, 5_000_000, NotificationState::Waiting);
        let withdrawn = revise(&[first.clone(), second.clone()], NOW);
        assert_eq!(withdrawn.len(), 2);
        assert!(withdrawn.iter().all(|row| row.state == Silent(Silence::Withdrawn)));
        let late = Notification { state: Delivered(NOW), ..first };
        let alarmed = revise(&[late.clone(), withdrawn[1].clone()], NOW);
        assert_eq!(alarmed.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
        // The same when it was credited again meanwhile: he knows already.
        let third = row(protocol, 3, 5_000_000, Due(Millis(9)));
        let known = revise(&[late.clone(), withdrawn[1].clone(), third], NOW);
        assert_eq!(known.iter().map(|row| row.state).collect::<Vec<_>>(), [Silent(Silence::ToldBefore)]);
        let other = row(protocol, 3, 5_000_001, Due(Millis(9)));
        let other = revise(&[late, withdrawn[1].clone(), other], NOW);
        assert_eq!(other.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
    }
}

#[test]
fn what_is_not_there_is_not_guessed() {
    use NotificationState::{Delivered, Due, Untold};
    assert_eq!(revise(&[], NOW), []);
    let due = Due(Millis(7));
    // Version 1 is gone: nobody knows whether it was told.
    let alone = [row(V1, 2, 5_000_000, due)];
    assert_eq!(revise(&alone, NOW).iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
    let unreadable = Notification { body: b"{}".to_vec(), ..row(V1, 1, 5_000_000, due) };
    let revised = revise(&[unreadable, row(V1, 2, 5_000_000, due)], NOW);
    assert_eq!(revised.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
    // The same amount for another order is another message.
    let mut moved = testing::deposit(testing::TRON, EventKind::Confirmed, 3);
    moved.order.as_mut().unwrap().id = OrderId::parse("another").unwrap();
    let moved = compose(&Event::Deposit(moved), EventPlace(3), None, &testing::app(V1), Millis(7)).unwrap();
    let told = row(V1, 1, 100_000_000, Delivered(Millis(8)));
    let alarmed = row(V1, 2, 100_000_000, Untold(Millis(8)));
    let revised = revise(&[told, alarmed, moved], NOW);
    assert_eq!(revised.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
}

#[test]
fn an_app_that_changed_its_protocol_knows_what_it_was_told_before() {
    use NotificationState::{Delivered, Due, Silent, Untold};
    let (with_words, due) = (Protocol::StandardWebhooks, Due(Millis(7)));
    let told = |number| row(with_words, number, 5_000_000, Delivered(Millis(8)));
    let newest = row(V1, 3, 5_000_000, due);
    assert_eq!(revise(&[told(1), told(2), newest.clone()], NOW), [], "he knows of the reversal: the credit is sent");
    let pending = row(with_words, 2, 5_000_000, due);
    let revised = revise(&[told(1), pending, newest], NOW);
    assert_eq!(revised.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)], "he is about to know of it");
    let revised = revise(&[told(1), row(V1, 2, 5_000_000, due)], NOW);
    assert_eq!(revised.iter().map(|row| row.state).collect::<Vec<_>>(), [Untold(NOW)]);
    for protocol in [with_words, Protocol::Usdtcnpay] {
        assert!(!has_one_word(protocol));
        assert_eq!(revise(&[row(V1, 1, 5_000_000, due), row(protocol, 2, 5_000_000, due)], NOW), []);
    }
    assert_eq!(
        revise(&[row(V1, 1, 5_000_000, Silent(Silence::Dust))], NOW),
        [],
        "dust is nobody's belief, and is never sent"
    );
}

/// Executed again in another block, a transfer may pay somebody else.
#[test]
fn what_was_said_of_somebody_else_is_not_said_of_this_one() {
    use NotificationState::{Delivered, Silent, Untold};
    let third = |change: fn(&mut crate::domain::DepositEvent), app: &str| {
        let mut event = testing::deposit(testing::TRON, EventKind::Confirmed, 3);
        event.deposit.amount = TokenAmount::of(5_000_000);
        change(&mut event);
        let trade = Some(Trade { main_coin: 195, id: 1 });
        let to = testing::app(Protocol::Udun);
        let row = compose(&Event::Deposit(event), EventPlace(3), trade, &to, Millis(7)).unwrap();
        Notification { app: app.parse().unwrap(), ..row }
    };
    let states = |third: Notification| -> Vec<NotificationState> {
        let versions = [
            row(Protocol::Udun, 1, 5_000_000, Delivered(Millis(8))),
            row(Protocol::Udun, 2, 5_000_000, Untold(Millis(9))),
            third,
        ];
        revise(&versions, NOW).into_iter().map(|row| row.state).collect()
    };
    let ours = testing::app(Protocol::Udun).id;
    assert_eq!(states(third(|_| (), ours.as_str())), [Silent(Silence::ToldBefore)]);
    let another = |event: &mut crate::domain::DepositEvent| event.deposit.to = crate::domain::Address([0x77; 20]);
    assert_eq!(states(third(another, ours.as_str())), [Untold(NOW)], "another address");
    let another = |event: &mut crate::domain::DepositEvent| {
        event.deposit.user_mark = crate::domain::UserMark::parse("somebody else").unwrap();
    };
    assert_eq!(states(third(another, ours.as_str())), [Untold(NOW)], "another user");
    assert_eq!(states(third(|_| (), "another-app")), [], "another app was told nothing: it is sent");

    // What the first app hears late is its own affair.
    let late = [
        row(Protocol::Udun, 1, 5_000_000, Delivered(Millis(8))),
        row(Protocol::Udun, 2, 5_000_000, Silent(Silence::Withdrawn)),
        third(|_| (), "another-app"),
    ];
    let revised = revise(&late, NOW);
    assert_eq!(
        revised.iter().map(|row| (row.id.clone(), row.state)).collect::<Vec<_>>(),
        [(late[1].id.clone(), Untold(NOW))]
    );
}
