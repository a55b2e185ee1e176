//! The past read again: what was missed is found once, and nothing else is touched.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Height, World, address, blocks_on, check, expect, network};
use crate::domain::{Millis, Scan, ScanTarget, Since};

impl World {
    pub(super) fn scan(&mut self, target: &str, range: &str, base: &str, blocks: &str) {
        let (from, to) = range.split_once("..").unwrap();
        let height = |text: &str| Height(text.parse().unwrap());
        let target = if target == "*" { ScanTarget::Everything } else { ScanTarget::Address(address(target)) };
        let (since, next) = (Since::Height(height(from)), Some(height(from)));
        let scan = Scan { network: network(), target, since, to: height(to), next, found: 0, created: Millis(0) };
        let scans = BTreeMap::from([(target, scan)]);
        let blocks = blocks_on(base, blocks);
        let known = self.known(self.tracker.needs_of_scan(&blocks, &scans));
        match self.tracker.plan_scan(&blocks, &scans, known) {
            Ok(scanned) => {
                let found: u64 = scanned.found.values().sum();
                self.take(scanned.changes);
                writeln!(self.story, "  found {found}").unwrap();
                self.verify();
            }
            Err(error) => writeln!(self.story, "  refused: {error}").unwrap(),
        }
    }
}

#[test]
fn a_payment_before_the_order_is_found_and_pays_it_and_reading_again_changes_nothing() {
    check(
        "on 0: 1a, 2a[t1 A 50; t2 B 7], 3a, 4a
        order o1 A 50 since 2
        scan A 2..4 on 1a: 2a[t1 A 50; t2 B 7], 3a, 4a
        scan A 2..4 on 1a: 2a[t1 A 50; t2 B 7], 3a, 4a",
        expect![[r#"
            on 0: 1a, 2a[t1 A 50; t2 B 7], 3a, 4a
            order o1 A 50 since 2
            scan A 2..4 on 1a: 2a[t1 A 50; t2 B 7], 3a, 4a
              t1.0 A 50 in 2a: detected (pending)
              found 1
                order o1 paid
              t1.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
            scan A 2..4 on 1a: 2a[t1 A 50; t2 B 7], 3a, 4a
              found 0
        "#]],
    );
}

#[test]
fn below_the_window_and_below_what_is_final_a_payment_is_credited_for_good() {
    check(
        "policy final
        on 0: 1a, 2a[t1 A 50], 3a..20a
        final 10a
        on 20a: 21a
        cursor
        order o1 A 50 since 1
        scan A 1..4 on 0: 1a, 2a[t1 A 50], 3a
        restart",
        expect![[r#"
            policy final
            on 0: 1a, 2a[t1 A 50], 3a..20a
            final 10a
            on 20a: 21a
            cursor
              at 21a, final 10a, headers from 14
            order o1 A 50 since 1
            scan A 1..4 on 0: 1a, 2a[t1 A 50], 3a
              t1.0 A 50 in 2a: detected (pending)
              found 1
                order o1 paid
              t1.0 A 50 in 2a: finalized (matched)
                -> deposit.confirmed v1 matched for o1, 20 conf
            restart
        "#]],
    );
    check(
        "on 0: 1a, 2a[t1 A 50], 3a..20a
        order o1 A 50 since 1
        scan A 1..4 on 0: 1a, 2a[t1 A 50], 3a
        on 20a: 21a",
        expect![[r#"
            on 0: 1a, 2a[t1 A 50], 3a..20a
            order o1 A 50 since 1
            scan A 1..4 on 0: 1a, 2a[t1 A 50], 3a
              t1.0 A 50 in 2a: detected (pending)
              found 1
                order o1 paid
              t1.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 19 conf
            on 20a: 21a
              t1.0 A 50 in 2a: finalized (matched)
        "#]],
    );
}

#[test]
fn only_blocks_of_our_own_chain_are_looked_into() {
    check(
        "on 0: 1a, 2a[t1 A 50], 3a
        order o1 A 50 since 1
        scan A 1..3 on 0: 1a, 2b[t1 A 50], 3b
        scan A 1..9 on 2a: 3a, 4a[t1 A 50]",
        expect![[r#"
            on 0: 1a, 2a[t1 A 50], 3a
            order o1 A 50 since 1
            scan A 1..3 on 0: 1a, 2b[t1 A 50], 3b
              refused: block 2 (0x3262000000000000000000000000000000000000000000000000000000000000) is not ours, the tip is 3 (0x3361000000000000000000000000000000000000000000000000000000000000)
            scan A 1..9 on 2a: 3a, 4a[t1 A 50]
              refused: block 4 (0x3461000000000000000000000000000000000000000000000000000000000000) is not ours, the tip is 3 (0x3361000000000000000000000000000000000000000000000000000000000000)
        "#]],
    );
}

#[test]
fn a_payment_found_in_a_block_that_leaves_is_taken_back_and_seen_again_by_following() {
    check(
        "policy 3
        on 0: 1a, 2a[t1 A 50], 3a
        order o1 A 50 since 1
        scan A 1..3 on 0: 1a, 2a[t1 A 50]
        on 1a: 2b, 3b[t1 A 50], 4b
        on 4b: 5b
        scan A 1..3 on 2b: 3b[t1 A 50]",
        expect![[r#"
            policy 3
            on 0: 1a, 2a[t1 A 50], 3a
            order o1 A 50 since 1
            scan A 1..3 on 0: 1a, 2a[t1 A 50]
              t1.0 A 50 in 2a: detected (pending)
              found 1
            on 1a: 2b, 3b[t1 A 50], 4b
              t1.0 A 50 in 2a: orphaned (pending)
              t1.0 A 50 in 3b: detected (pending)
            on 4b: 5b
                order o1 paid
              t1.0 A 50 in 3b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 3 conf
            scan A 1..3 on 2b: 3b[t1 A 50]
              found 0
        "#]],
    );
    // And one that was not read before its block left.
    check(
        "on 0: 1a, 2a[t1 A 50], 3a
        order o1 A 50 since 1
        on 1a: 2b, 3b[t1 A 50], 4b
        scan A 1..3 on 1a: 2b, 3b[t1 A 50]",
        expect![[r#"
            on 0: 1a, 2a[t1 A 50], 3a
            order o1 A 50 since 1
            on 1a: 2b, 3b[t1 A 50], 4b
              t1.0 A 50 in 3b: detected (pending)
                order o1 paid
              t1.0 A 50 in 3b: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 2 conf
            scan A 1..3 on 1a: 2b, 3b[t1 A 50]
              found 0
        "#]],
    );
}

#[test]
fn a_rescan_of_everything_finds_what_was_expected_then_and_nothing_that_is_older_than_its_owner() {
    check(
        "on 0: 1a, 2a[t1 A 5]
        watch A
        order o1 B 50
        on 2a: 3a, 4a
        scan * 1..4 on 0: 1a, 2a[t1 A 5], 3a[t2 A 6; t3 B 50; t4 C 9], 4a
        scan * 1..4 on 0: 1a, 2a[t1 A 5], 3a[t2 A 6; t3 B 50; t4 C 9], 4a",
        expect![[r#"
            on 0: 1a, 2a[t1 A 5]
            watch A
            order o1 B 50
            on 2a: 3a, 4a
            scan * 1..4 on 0: 1a, 2a[t1 A 5], 3a[t2 A 6; t3 B 50; t4 C 9], 4a
              t2.0 A 6 in 3a: detected (pending)
              t3.0 B 50 in 3a: detected (pending)
              found 2
              t2.0 A 6 in 3a: confirmed (matched)
                order o1 paid
              t3.0 B 50 in 3a: confirmed (matched)
                -> deposit.confirmed v1 matched, 2 conf
                -> deposit.confirmed v1 matched for o1, 2 conf
            scan * 1..4 on 0: 1a, 2a[t1 A 5], 3a[t2 A 6; t3 B 50; t4 C 9], 4a
              found 0
        "#]],
    );
}

#[test]
fn what_is_found_pays_no_order_that_is_paid_and_is_told_all_the_same() {
    check(
        "policy 1
        on 0: 1a[t1 A 50]
        order o1 A 50 since 1
        on 1a: 2a[t2 A 50]
        scan A 1..1 on 0: 1a[t1 A 50]",
        expect![[r#"
            policy 1
            on 0: 1a[t1 A 50]
            order o1 A 50 since 1
            on 1a: 2a[t2 A 50]
              t2.0 A 50 in 2a: detected (pending)
                order o1 paid
              t2.0 A 50 in 2a: confirmed (matched)
                -> deposit.confirmed v1 matched for o1, 1 conf
            scan A 1..1 on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (no_open_order)
              found 1
              t1.0 A 50 in 1a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 2 conf
        "#]],
    );
}

#[test]
fn a_late_payment_is_late_and_one_before_the_beginning_is_nobodys() {
    check(
        "policy 1
        on 0: 1a[t1 A 50], 2a, 3a[t2 A 50]
        order o1 A 50 until 30 0 since 3
        scan A 3..3 on 2a: 3a[t2 A 50]
        scan A 1..1 on 0: 1a[t1 A 50]",
        expect![[r#"
            policy 1
            on 0: 1a[t1 A 50], 2a, 3a[t2 A 50]
            order o1 A 50 until 30 0 since 3
            scan A 3..3 on 2a: 3a[t2 A 50]
              t2.0 A 50 in 3a: detected (late)
              found 1
              t2.0 A 50 in 3a: unmatched (late)
                order o1 expired
                -> deposit.unmatched v0 late for o1, 1 conf
                -> order.expired o1 by 3a
            scan A 1..1 on 0: 1a[t1 A 50]
              t1.0 A 50 in 1a: detected (no_open_order)
              found 1
              t1.0 A 50 in 1a: unmatched (no_open_order)
                -> deposit.unmatched v0 no_open_order, 3 conf
        "#]],
    );
}
