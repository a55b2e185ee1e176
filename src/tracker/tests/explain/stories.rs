//! What is said of transactions, whole.

use super::{expect, explains};

#[test]
fn what_waits_says_for_what_and_by_which_rule() {
    explains(
        "tiers 2 100:5
        watch A
        order o1 B 50
        order o2 C 50
        on 0: 1a[t1 A 150; t2 B 50; t3 B 50; t4 A 3; t5 C 50]
        held t5
        hold
        on 1a: 2a",
        &["t1 in 1a: A 150", "t2 in 1a: B 50", "t3 in 1a: B 50", "t4 silent", "t5 in 1a: C 50"],
        expect![[r#"
            t1 in 1a: A 150
            block ours
            0.A 150: waiting (confirmations) needs 5 confirmations (rule "every token from 100", default), has 2
              ok transaction, ok block, ok recorded, ok match, ok hold, waits confirmations, ok turn, waits evidence
              missing: 3 more confirmations

            t2 in 1a: B 50
            block ours
            0.B 50: waiting (evidence) its receipt is read once more right before it is credited; that has not been proved yet
              ok transaction, ok block, ok recorded, ok match, ok hold, ok confirmations, ok turn, waits evidence
              missing: its receipt, read once more

            t3 in 1a: B 50
            block ours
            0.B 50: waiting (earlier_payment) an earlier payment of order o1 waits: dep_3etdd2foiecq2hmvbi442b7cszt4mied
              ok transaction, ok block, ok recorded, ok match, ok hold, ok confirmations, waits turn, waits evidence
              missing: the earlier payment to be decided

            t4 silent
            block ours
            note chain_not_asked: the chain could not be asked, only what is recorded is told: nobody answers
            0.A 3: waiting (evidence) its receipt is read once more right before it is credited; that has not been proved yet
              ok recorded, ok match, ok hold, ok confirmations, ok turn, waits evidence
              missing: its receipt, read once more

            t5 in 1a: C 50
            block ours
            0.C 50: waiting (held) held by ops since 1970-01-01T00:00:00Z: looks odd
              ok transaction, ok block, ok recorded, ok match, waits hold, ok confirmations, ok turn, waits evidence
              missing: somebody to release the hold
        "#]],
    );
}

#[test]
fn what_waits_while_the_node_says_otherwise_waits_for_the_node() {
    explains(
        "tiers 2 100:5
        watch A
        order o1 B 50
        order o2 C 50
        on 0: 1a[t1 A 150; t2 B 50; t3 B 50; t4 A 3; t5 C 50]
        held t5
        hold
        on 1a: 2a",
        &["t2 nowhere", "t2 in 1b: B 50", "t2 failed in 1a: B 50"],
        expect![[r#"
            t2 nowhere
            block ours
            note unknown_transaction: endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network
            0.B 50: waiting (in_no_block) endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network
              waits block, ok recorded, ok match, ok hold, ok confirmations, ok turn, waits evidence
              missing: a block that holds it

            t2 in 1b: B 50
            block another
            0.B 50: waiting (other_branch) the node has it in block 1 (0x3162000000000000000000000000000000000000000000000000000000000000), we read it in block 1 (0x3161000000000000000000000000000000000000000000000000000000000000)
              ok transaction, waits block, ok recorded, ok match, ok hold, ok confirmations, ok turn, waits evidence
              missing: the same block from the node

            t2 failed in 1a: B 50
            block ours
            note failed_transaction: the transaction failed (REVERT): it moved nothing, whatever its input or its logs say
            0.B 50: waiting (contradicted) endpoint node says that it failed (REVERT), it was read as a success
              waits transaction, ok block, ok recorded, ok match, ok hold, ok confirmations, ok turn, waits evidence
              missing: the endpoints to agree
        "#]],
    );
}

#[test]
fn what_waits_for_the_networks_word_says_how_far_that_is() {
    explains(
        "tron
        watch A
        final 1a
        on 0: 1a, 2a[t1 A 50], 3a",
        &["t1 in 2a: A 50", "t9 in 4a: A 50; Z 5", "t9 in 4a: A 1", "t9 waits", "t9 nowhere", "t9 silent"],
        expect![[r#"
            t1 in 2a: A 50
            block ours
            0.A 50: waiting (final) needs the network's word that its block is final (the network's rule): waits for the network to call block 2 final, which is at 1
              ok transaction, ok block, ok recorded, ok match, ok hold, waits confirmations, ok turn, waits evidence
              missing: block 2 to become final

            t9 in 4a: A 50; Z 5
            block not_read
            0.A 50: waiting (not_read) block 4 has not been read yet, the last one read is 3
              ok transaction, waits block, ok token, ok log, ok recipient, ok match
              missing: block 4 to be read
            1.Z 5: not_a_deposit (not_registered) the recipient TJCx4A1XzNvy32sqbmi86xcURjRi1Etver is not registered on this network
              ok transaction, waits block, ok token, ok log, no recipient

            t9 in 4a: A 1
            block not_read
            0.A 1: unmatched (below_minimum) 1 USDT is below the token's minimum of 2 USDT
              ok transaction, waits block, ok token, ok log, ok recipient, no match

            t9 waits
            block nowhere
            note in_no_block: the node knows the transaction, but no block holds it: nothing is credited before a block does

            t9 nowhere
            block nowhere
            note unknown_transaction: endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network

            t9 silent
            block nowhere
            note chain_not_asked: the chain could not be asked, only what is recorded is told: nobody answers
        "#]],
    );
}

#[test]
fn what_is_decided_says_by_what() {
    explains(
        "policy 1
        watch A
        order o1 B 50
        order o2 C 50 strict
        order o3 D 50 until 5 0
        on 0: 1a[t1 A 50; t2 B 60; t3 B 50; t4 C 49; t5 A 1; t6 A<A 9; t7 D 50]
        on 1a: 2a[t8 B 50]",
        &[
            "t1 in 1a: A 50",
            "t2 in 1a: B 60",
            "t3 in 1a: B 50",
            "t4 in 1a: C 49",
            "t5 in 1a: A 1",
            "t6 in 1a: A<A 9",
            "t7 in 1a: D 50",
            "t8 in 2a: B 50",
        ],
        expect![[r#"
            t1 in 1a: A 50
            block ours
            0.A 50: credited (matched) credited: the address is watched for good: every transfer is a deposit; version 1
              ok transaction, ok block, ok recorded, ok match

            t2 in 1a: B 60
            block ours
            0.B 60: credited (over) credited: it pays order o1: over; version 1
              ok transaction, ok block, ok recorded, ok match

            t3 in 1a: B 50
            block ours
            0.B 50: unmatched (duplicate) order o1 was paid by dep_3etdd2foiecq2hmvbi442b7cszt4mied
              ok transaction, ok block, ok recorded, no match

            t4 in 1a: C 49
            block ours
            0.C 49: unmatched (under) 49 USDT arrived, order o2 expects 50 USDT and its amount policy is strict_exact
              ok transaction, ok block, ok recorded, no match

            t5 in 1a: A 1
            block ours
            0.A 1: unmatched (below_minimum) 1 USDT is below the token's minimum of 2 USDT
              ok transaction, ok block, ok recorded, no match

            t6 in 1a: A<A 9
            block ours
            0.A 9: unmatched (self_transfer) sender and recipient are the same: the balance did not change
              ok transaction, ok block, ok recorded, no match

            t7 in 1a: D 50
            block ours
            0.D 50: unmatched (late) order o3 waited until 1970-01-01T00:00:05Z, grace included; the block is of 1970-01-01T00:00:12Z
              ok transaction, ok block, ok recorded, no match

            t8 in 2a: B 50
            block ours
            0.B 50: unmatched (no_open_order) no open order expected it, and the address is not watched for good
              ok transaction, ok block, ok recorded, no match
        "#]],
    );
}

#[test]
fn what_was_credited_stays_credited_whatever_a_node_says() {
    explains(
        "policy 1
        watch A
        order o1 B 50
        order o2 C 50 strict
        order o3 D 50 until 5 0
        on 0: 1a[t1 A 50; t2 B 60; t3 B 50; t4 C 49; t5 A 1; t6 A<A 9; t7 D 50]
        on 1a: 2a[t8 B 50]",
        &["t1 silent", "t1 failed in 1a: A 50", "t1 nowhere", "t1 in 1b: A 50"],
        expect![[r#"
            t1 silent
            block ours
            note chain_not_asked: the chain could not be asked, only what is recorded is told: nobody answers
            0.A 50: credited (matched) credited: the address is watched for good: every transfer is a deposit; version 1
              ok recorded, ok match

            t1 failed in 1a: A 50
            block ours
            note failed_transaction: the transaction failed (REVERT): it moved nothing, whatever its input or its logs say
            0.A 50: credited (matched) credited: the address is watched for good: every transfer is a deposit; version 1
              no transaction, ok block, ok recorded, ok match

            t1 nowhere
            block ours
            note unknown_transaction: endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network
            0.A 50: credited (matched) credited: the address is watched for good: every transfer is a deposit; version 1
              no block, ok recorded, ok match

            t1 in 1b: A 50
            block another
            0.A 50: credited (matched) credited: the address is watched for good: every transfer is a deposit; version 1
              ok transaction, no block, ok recorded, ok match
        "#]],
    );
}

#[test]
fn what_left_the_chain_says_so() {
    explains(
        "policy 2
        watch A
        on 0: 1a[t1 A 50], 2a[t2 A 5]
        on 0: 1b, 2b, 3b",
        &["t1 nowhere", "t1 silent", "t2 nowhere", "t1 in 9b: A 50", "t1 in 3x: A 50"],
        expect![[r#"
            t1 nowhere
            block another
            note unknown_transaction: endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network
            0.A 50: reversed (reversed) its block 1 (0x3161000000000000000000000000000000000000000000000000000000000000) left the chain: the credit was taken back with version 2
              ok token, ok log, ok recipient

            t1 silent
            block another
            note chain_not_asked: the chain could not be asked, only what is recorded is told: nobody answers
            0.A 50: reversed (reversed) its block 1 (0x3161000000000000000000000000000000000000000000000000000000000000) left the chain: the credit was taken back with version 2
              ok recorded

            t2 nowhere
            block another
            note unknown_transaction: endpoint node and those after it do not know the transaction: it was never sent, fell out, or is on another network
            0.A 5: orphaned (orphaned) its block 2 (0x3261000000000000000000000000000000000000000000000000000000000000) left the chain before it was credited
              ok token, ok log, ok recipient

            t1 in 9b: A 50
            block not_read
            0.A 50: waiting (not_read) block 9 has not been read yet, the last one read is 3
              ok transaction, waits block, ok token, ok log, ok recipient, ok match
              missing: block 9 to be read

            t1 in 3x: A 50
            block another
            0.A 50: waiting (other_branch) the node has it in a block 3 that is not ours, which is 0x3362000000000000000000000000000000000000000000000000000000000000
              ok transaction, waits block, ok token, ok log, ok recipient, ok match
              missing: the node and we to follow the same branch
        "#]],
    );
}

#[test]
fn what_is_no_deposit_says_why() {
    explains(
        "window 4
        on 0: 1a[t1 A 50], 2a, 3a
        watch A
        on 3a: 4a, 5a",
        &["t1 in 1a: A 50", "t2 in 2a: A 50", "t2 in 4a: A 50", "t2 in 4a: Z 50", "t2 in 4a: A 50 of x"],
        expect![[r#"
            t1 in 1a: A 50
            block deep
            0.A 50: not_a_deposit (registered_later) the address was registered after block 1 was read, it is covered from block 4 on: a back-scan would find it
              ok transaction, ok block, ok token, ok log, ok recipient, no covered

            t2 in 2a: A 50
            block ours
            0.A 50: not_a_deposit (registered_later) the address was registered after block 2 was read, it is covered from block 4 on: a back-scan would find it
              ok transaction, ok block, ok token, ok log, ok recipient, no covered

            t2 in 4a: A 50
            block ours
            0.A 50: not_a_deposit (not_recorded) the address is covered from block 4 on and yet nothing is recorded: rescan block 4 and tell the operator
              ok transaction, ok block, ok token, ok log, ok recipient, no covered

            t2 in 4a: Z 50
            block ours
            0.Z 50: not_a_deposit (not_registered) the recipient 0x5a5A5a5a5A5a5a5a5a5A5a5A5A5a5a5A5A5A5A5A is not registered on this network
              ok transaction, ok block, ok token, ok log, no recipient

            t2 in 4a: A 50 of x
            block ours
            note no_listed_token: no log in it is a Transfer of a listed token
            0.A 50: not_a_deposit (token_not_listed) token 0x7878787878787878787878787878787878787878 is not listed on this network; the symbol a contract gives itself is never compared
              ok transaction, ok block, no token
        "#]],
    );
}

#[test]
fn what_is_no_transfer_says_why() {
    explains(
        "window 4
        on 0: 1a[t1 A 50], 2a, 3a
        watch A
        on 3a: 4a, 5a",
        &[
            "t2 in 4a: 0 A; flaw 4; other; A 7 of x",
            "t2 failed in 4a: A 50",
            "t2 failed in 4a",
            "t2 in 4a",
            "t2 in 4a: other",
        ],
        expect![[r#"
            t2 in 4a: 0 A; flaw 4; other; A 7 of x
            block ours
            0.?: not_a_deposit (zero_value) it moves nothing: transfers of zero are counted, and nothing else
              ok transaction, ok block, ok token, no log
            1.?: not_a_deposit (malformed_log) the log begins as a Transfer and is none: it has 4 topics instead of 3, as the transfer of a collectible
              ok transaction, ok block, ok token, no log
            0.A 7: not_a_deposit (token_not_listed) token 0x7878787878787878787878787878787878787878 is not listed on this network; the symbol a contract gives itself is never compared
              ok transaction, ok block, no token

            t2 failed in 4a: A 50
            block ours
            note failed_transaction: the transaction failed (REVERT): it moved nothing, whatever its input or its logs say
            0.A 50: not_a_deposit (failed_transaction) the transaction failed (REVERT): it moved nothing, whatever its input or its logs say
              no transaction

            t2 failed in 4a
            block ours
            note failed_transaction: the transaction failed (REVERT): it moved nothing, whatever its input or its logs say
            note no_transfer_log: the transaction wrote no Transfer log: only such logs of listed tokens are deposits, whatever else it asked for

            t2 in 4a
            block ours
            note no_transfer_log: the transaction wrote no Transfer log: only such logs of listed tokens are deposits, whatever else it asked for

            t2 in 4a: other
            block ours
            note no_transfer_log: the transaction wrote no Transfer log: only such logs of listed tokens are deposits, whatever else it asked for
        "#]],
    );
}
