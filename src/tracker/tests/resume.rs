//! A person takes back a part of our chain: credits above are reversed, also final ones, and what is still there comes
//! again.

use super::{Change, Header, Timestamp, World, at, check, expect, network};
use crate::domain::{BlockHash, Cursor, DepositState};

impl World {
    /// As the core does it: mark, take back page by page, begin again.
    pub(super) fn back(&mut self, name: &str) {
        let here = at(name);
        let marked = Cursor { take_back_above: Some(here.height), ..self.tracker.cursor().unwrap() };
        self.take(super::Changeset { changes: vec![Change::Cursor(network(), marked)], events: vec![] });
        self.restart();
        let above = self.rows.deposits.values().filter(|deposit| deposit.included_at.height > here.height);
        let above: Vec<_> = above.filter(|deposit| deposit.state != DepositState::Orphaned).cloned().collect();
        for page in above.chunks(2) {
            let known = self.known(self.tracker.needs_of_take_back(page));
            let plan = self.tracker.plan_take_back(page, known);
            self.planned(plan);
            self.restart();
        }
        let time = Timestamp(here.height.0 * 12);
        let plan = self.tracker.plan_reanchor(Header { at: here, parent: BlockHash([0xdd; 32]), time });
        self.planned(plan);
    }
}

#[test]
fn what_is_taken_back_is_reversed_also_where_it_was_final_and_what_is_still_there_is_credited_again() {
    check(
        "order o1 A 50
        order o2 B 50
        watch C
        on 0: 1a[t1 A 50], 2a[t2 B 50; t3 C 5], 3a..20a
        final 15a
        on 20a: 21a[t4 C 6]
        cursor
        back 1a
        cursor
        restart
        on 1a: 2b[t3 C 5], 3b[t4 C 6], 4b
        cursor",
        expect![[r#"
            order o1 A 50
            order o2 B 50
            watch C
            on 0: 1a[t1 A 50], 2a[t2 B 50; t3 C 5], 3a..20a
              t1.0 A 50 in 1a: detected (pending)
              t2.0 B 50 in 2a: detected (pending)
              t3.0 C 5 in 2a: detected (pending)
                order o1 paid
              t1.0 A 50 in 1a: confirmed (matched)
                order o2 paid
              t2.0 B 50 in 2a: confirmed (matched)
              t3.0 C 5 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 20 conf
                -> deposit.confirmed v1 matched for o2, 19 conf
                -> deposit.confirmed v1 matched, 19 conf
            final 15a
            on 20a: 21a[t4 C 6]
              t4.0 C 6 in 21a: detected (pending)
              t1.0 A 50 in 1a: finalized (matched)
              t2.0 B 50 in 2a: finalized (matched)
              t3.0 C 5 in 2a: finalized (matched)
                -> detected t4.0, 1 conf
            cursor
              at 21a, final 15a, headers from 14
            back 1a
                order o2 open
              t2.0 B 50 in 2a: orphaned (reversed)
              t3.0 C 5 in 2a: orphaned (reversed)
                -> deposit.reversed v2 reversed for o2, 0 conf
                -> deposit.reversed v2 reversed, 0 conf
              t4.0 C 6 in 21a: orphaned (pending)
            cursor
              at 1a, final none, headers from 1
            restart
            on 1a: 2b[t3 C 5], 3b[t4 C 6], 4b
              t3.0 C 5 in 2b: detected (pending)
              t4.0 C 6 in 3b: detected (pending)
              t3.0 C 5 in 2b: confirmed (matched)
              t4.0 C 6 in 3b: confirmed (matched)
                -> deposit.confirmed v3 matched, 3 conf
                -> deposit.confirmed v1 matched, 2 conf
            cursor
              at 4b, final none, headers from 1
        "#]],
    );
}

#[test]
fn below_where_it_begins_again_nothing_moves_and_no_reorg_goes_there() {
    check(
        "watch C
        on 0: 1a[t1 C 5], 2a[t2 C 6], 3a, 4a
        back 3a
        on 3a: 4b, 5b
        on 2a: 3c, 4c, 5c, 6c
        cursor",
        expect![[r#"
            watch C
            on 0: 1a[t1 C 5], 2a[t2 C 6], 3a, 4a
              t1.0 C 5 in 1a: detected (pending)
              t2.0 C 6 in 2a: detected (pending)
              t1.0 C 5 in 1a: confirmed (matched)
              t2.0 C 6 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched, 4 conf
                -> deposit.confirmed v1 matched, 3 conf
            back 3a
            on 3a: 4b, 5b
            on 2a: 3c, 4c, 5c, 6c
              refused: base 2 lies below what is kept or final (tip 5 (0x3562000000000000000000000000000000000000000000000000000000000000))
            cursor
              at 5b, final none, headers from 3
        "#]],
    );
}

#[test]
fn nothing_is_taken_back_that_nobody_asked_for() {
    let mut world = World::new();
    for line in ["watch C", "on 0: 1a[t1 C 5], 2a, 3a"] {
        world.step(line);
    }
    let deposits: Vec<_> = world.rows.deposits.values().cloned().collect();
    let known = world.known(world.tracker.needs_of_take_back(&deposits));
    assert!(world.tracker.plan_take_back(&deposits, known).is_err());
    let tip = *world.tracker.window().tip().unwrap();
    assert!(world.tracker.plan_reanchor(tip).is_err());
    // Asked for, but a deposit above is left, or it is another height.
    let marked = Cursor { take_back_above: Some(at("0").height), ..world.tracker.cursor().unwrap() };
    world.take(super::Changeset { changes: vec![Change::Cursor(network(), marked)], events: vec![] });
    let genesis = *world.tracker.window().at(at("0").height).unwrap();
    assert!(world.tracker.plan_reanchor(tip).unwrap_err().to_string().contains("is not the block at 0"));
    assert!(world.tracker.plan_reanchor(genesis).unwrap_err().to_string().contains("is not taken back yet"));
    // And meanwhile nothing of the past is looked into.
    world.story.clear();
    world.step("scan C 1..3 on 0: 1a[t1 C 5]");
    assert!(world.story.contains("refused: the chain is being taken back"), "{}", world.story);
}

#[test]
fn what_is_read_again_and_is_older_than_its_watch_is_not_credited() {
    check(
        "policy 1
        on 0: 1a, 2a[t1 A 50], 3a
        watch A
        on 3a: 4a[t2 A 50]
        back 1a
        on 1a: 2a[t1 A 50], 3a, 4a[t2 A 50]",
        expect![[r#"
            policy 1
            on 0: 1a, 2a[t1 A 50], 3a
            watch A
            on 3a: 4a[t2 A 50]
              t2.0 A 50 in 4a: detected (pending)
              t2.0 A 50 in 4a: confirmed (matched)
                -> deposit.confirmed v1 matched, 1 conf
            back 1a
              t2.0 A 50 in 4a: orphaned (reversed)
                -> deposit.reversed v2 reversed, 0 conf
            on 1a: 2a[t1 A 50], 3a, 4a[t2 A 50]
              t1.0 A 50 in 2a: detected (no_open_order)
              t2.0 A 50 in 4a: detected (pending)
              t1.0 A 50 in 2a: unmatched (no_open_order)
              t2.0 A 50 in 4a: confirmed (matched)
                -> deposit.unmatched v0 no_open_order, 3 conf
                -> deposit.confirmed v3 matched, 1 conf
        "#]],
    );
}
