// Whole lives of orders: every amount policy at one base unit either side, halves, late, withdrawn and reversed payments;
// payments made before registration; and what an operator does by hand.

import assert from 'node:assert/strict';
import { NETWORK } from './config.mjs';
import { status } from './grpc.mjs';
import {
  addApp, ask, cli, closeBooks, deposit, explained, ONE, open, order, orderIn, QUIET_MS, told, watch,
} from './money.mjs';
import { Random } from './random.mjs';
import { auditHolds } from './record_story.mjs';
import { APP } from './scene.mjs';
import { sleep, until } from './wait.mjs';

const NEEDED = 3;
const HALF = ONE / 2n;
/** Policy, what arrives in one block, what of each becomes, and where the order ends. */
const AMOUNTS = [
  ['ACCEPT_ACTUAL', [ONE], ['matched'], 'PAID'],
  ['ACCEPT_ACTUAL', [ONE - 1n], ['under'], 'PAID'],
  ['ACCEPT_ACTUAL', [ONE + 1n], ['over'], 'PAID'],
  ['ACCEPT_ACTUAL', [HALF, HALF], ['under', '-duplicate'], 'PAID'],
  ['AT_LEAST', [ONE], ['matched'], 'PAID'],
  ['AT_LEAST', [ONE - 1n], ['-under'], 'MISMATCHED'],
  ['AT_LEAST', [ONE + 1n], ['over'], 'PAID'],
  ['AT_LEAST', [HALF, HALF], ['-under', '-under'], 'MISMATCHED'],
  ['STRICT_EXACT', [ONE], ['matched'], 'PAID'],
  ['STRICT_EXACT', [ONE - 1n], ['-under'], 'MISMATCHED'],
  ['STRICT_EXACT', [ONE + 1n], ['-over'], 'MISMATCHED'],
  ['STRICT_EXACT', [ONE + 1n, ONE], ['-over', 'matched'], 'PAID'],
];

const unix = (seconds) => ({ seconds: String(seconds), nanos: 0 });
const wants = async ({ client }, ...asked) => (await client.call('RegisterOrder', order(...asked))).order;
const sum = (payments) => String(payments.reduce((all, { amount }) => all + amount, 0n));

/** Mines until what waits is deep enough. */
async function deepen({ chain, node, daemon }) {
  await chain.mine(NEEDED);
  await daemon.catchesUp(node);
}

/** What was told of a payment: `matched`, or with a minus if it was not credited. */
async function outcome(world, id, reason) {
  const isCredit = !reason.startsWith('-');
  const { type, data } = await told(world, isCredit ? `${id}_1` : `${id}_unmatched`);
  assert.equal(type, isCredit ? 'deposit.confirmed' : 'deposit.unmatched');
  return { reason: `${isCredit ? '' : '-'}${data.reason}`, data };
}

/** Each row of the table; the payments that are credited. */
async function amounts(world, random) {
  const { chain } = world;
  const rows = [];
  for (const [i, [policy, sums, reasons, state]] of AMOUNTS.entries()) {
    const address = chain.address(random);
    await wants(world, `a-${i}`, address, { amount_policy: `AMOUNT_POLICY_${policy}` });
    rows.push({ id: `a-${i}`, address, sums, reasons, state, payments: [] });
  }
  // The second half comes while the first one still waits.
  for (const half of [0, 1]) {
    for (const row of rows.filter(({ sums }) => sums.length > half)) {
      row.payments.push(await chain.pay(row.address, row.sums[half]));
    }
    await chain.mine();
  }
  await deepen(world);
  const paid = [];
  for (const { id, reasons, state, payments } of rows) {
    const found = await orderIn(world, id, state);
    const credited = payments.filter((_, i) => !reasons[i].startsWith('-'));
    for (const [i, payment] of payments.entries()) {
      const { reason, data } = await outcome(world, payment.id, reasons[i]);
      assert.deepEqual([reason, data.amount, data.order?.order_id], [reasons[i], String(payment.amount), id]);
    }
    assert.deepEqual([found.received, found.paid_by], [sum(credited), credited[0]?.id ?? ''], `order ${id}`);
    assert.equal(found.deposits.length, payments.length);
    paid.push(...credited);
  }
  const turned = rows[10];
  const { verdict, reason } = await explained(world, turned.payments[0].tx);
  assert.deepEqual([verdict, reason], ['UNMATCHED', 'over']);
  // The right amount still pays an order that turned another one away; a second transfer to a paid one is nobody's.
  const right = await chain.pay(turned.address, ONE);
  const again = await chain.pay(rows[0].address, ONE);
  await deepen(world);
  await orderIn(world, turned.id, 'PAID');
  assert.equal((await outcome(world, right.id, 'matched')).reason, 'matched');
  assert.equal((await outcome(world, again.id, '-')).reason, '-no_open_order');
  assert.equal((await orderIn(world, rows[0].id, 'PAID')).paid_by, rows[0].payments[0].id);
  return [...paid, right];
}

/** Withdrawn orders, and those nobody pays in time. */
async function ends(world, random) {
  const { chain, client, node, daemon } = world;
  const [gone, seen, late, timely] = Array.from({ length: 4 }, () => chain.address(random));
  await wants(world, 'gone', gone);
  await wants(world, 'seen', seen);
  const expire_time = unix((await chain.time()) + 20);
  await wants(world, 'late', late, { expire_time });
  await wants(world, 'timely', timely, { expire_time });

  const { order: cancelled } = await client.call('CancelOrder', { app_id: APP, order_id: 'gone' });
  assert.equal(cancelled.state, 'ORDER_STATE_CANCELLED');
  const stray = await chain.pay(gone, ONE);
  const kept = await chain.pay(seen, ONE);
  const inTime = await chain.pay(timely, ONE);
  await chain.mine();
  await daemon.catchesUp(node);
  await orderIn(world, 'seen', 'SEEN');
  assert.equal((await client.refusal('CancelOrder', { app_id: APP, order_id: 'seen' })).reason, 'PAYMENT_SEEN');
  const waits = await explained(world, kept.tx);
  assert.deepEqual([waits.verdict, waits.missing.length > 0], ['WAITING', true], waits.text);
  await deepen(world);
  await orderIn(world, 'seen', 'PAID');
  assert.equal((await outcome(world, stray.id, '-')).reason, '-no_open_order');

  while ((await chain.time()) <= Number(expire_time.seconds)) await chain.mine();
  await chain.mine(NEEDED);
  await daemon.catchesUp(node);
  await orderIn(world, 'late', 'EXPIRED');
  await orderIn(world, 'timely', 'PAID');
  const tardy = await chain.pay(late, ONE);
  await deepen(world);
  const { reason, data } = await outcome(world, tardy.id, '-');
  assert.deepEqual([reason, data.order.order_id], ['-late', 'late']);
  assert.equal((await explained(world, tardy.tx)).reason, 'late');
  const events = [...world.sink.events.values()].map(({ body }) => body).filter(({ type }) => type.startsWith('order.'));
  assert.deepEqual(events.map(({ type, data: { order: which } }) => [type, which.order_id]).sort(),
    [['order.cancelled', 'gone'], ['order.expired', 'late']]);
  return [kept, inTime];
}

/** Credited, taken back by a reorg, and credited again; and one that never returns. */
async function reversals(world, random) {
  const { chain, node, daemon } = world;
  const [back, lost] = [chain.address(random), chain.address(random)];
  await wants(world, 'back', back);
  await wants(world, 'lost', lost);
  const returns = await chain.pay(back, ONE, { from: 1 });
  await deepen(world);
  await orderIn(world, 'back', 'PAID');
  await told(world, `${returns.id}_1`);
  await chain.fork(NEEDED);
  await daemon.catchesUp(node);
  const { type, data } = await told(world, `${returns.id}_2`);
  assert.deepEqual([type, data.reverses, data.amount], ['deposit.reversed', `${returns.id}_1`, String(ONE)]);
  assert.equal((await explained(world, returns.tx)).verdict, 'WAITING');
  await deepen(world);
  assert.equal((await told(world, `${returns.id}_3`)).type, 'deposit.confirmed');
  const { paid_by, received } = await orderIn(world, 'back', 'PAID');
  assert.deepEqual([paid_by, received], [returns.id, String(ONE)]);

  const vanishes = await chain.pay(lost, ONE, { from: 2 });
  await deepen(world);
  await told(world, `${vanishes.id}_1`);
  await chain.fork(NEEDED, { without: vanishes.tx });
  await deepen(world);
  await told(world, `${vanishes.id}_2`);
  const { received: nothing } = await orderIn(world, 'lost', 'REVERSED');
  assert.equal(nothing, '0');
  await deposit(world, vanishes.id, 'ORPHANED');
  const { verdict, answer } = await explained(world, vanishes.tx);
  assert.deepEqual([verdict, answer.block_standing], ['REVERSED', 'BLOCK_STANDING_ANOTHER']);
  assert.deepEqual(answer.remarks.map(({ reason }) => reason), ['unknown_transaction'], 'the node has forgotten it');
  const instead = await chain.pay(lost, ONE);
  await deepen(world);
  assert.equal((await orderIn(world, 'lost', 'PAID')).paid_by, instead.id, 'another payment pays it');
  return [returns, instead];
}

/** All of it on one chain. Returns the world for what is looked at afterwards. */
export async function lives(t, family) {
  const random = new Random();
  const world = await open(t, family);
  await world.chain.fund(2);
  const first = (await world.node.head()) + 1;
  const paid = await amounts(world, random);
  paid.push(...await ends(world, random));
  paid.push(...await reversals(world, random));
  await closeBooks(world, { paid, first });
  return world;
}

/** Blocks on top of the payments that nobody had asked for yet. */
const PAST = 600;

const scanned = (row) => row.back_scan?.done;

/** Payments made before anybody registered are found, others are not; what comes meanwhile is seen as always. */
export async function backScan(t, family) {
  const random = new Random();
  const world = await open(t, family);
  const { chain, client, node, daemon } = world;
  const [byBlock, byTime, byOrder, never, live, known] = Array.from({ length: 6 }, () => chain.address(random));
  const first = (await node.head()) + 1;
  await client.call('WatchAddress', watch(known));
  const paid = [await chain.pay(known, 5n)];
  await chain.pay(byBlock, 1n);
  await chain.pay(byTime, 2n);
  await chain.mine();
  await chain.mine(30);
  const from_block = (await node.head()) + 1;
  paid.push(await chain.pay(byBlock, 11n), await chain.pay(byOrder, ONE));
  await chain.mine();
  await chain.mine(5);
  const from_time = unix((await chain.time()) + 1);
  paid.push(await chain.pay(byTime, 12n));
  const strange = await chain.pay(never, 13n);
  await chain.mine(PAST);
  await daemon.catchesUp(node);

  await client.call('WatchAddress', watch(live));
  await client.call('WatchAddress', watch(never));
  await client.call('WatchAddress', watch(byBlock, { from_block }));
  await client.call('WatchAddress', watch(byTime, { from_time }));
  await wants(world, 'before', byOrder, { from_block });
  const at = async () => (await client.call('GetAddress', { network: NETWORK, address: byBlock })).address.back_scan;
  const passed = await until('the scan to be on its way', async () => {
    const scan = await at();
    return (scan.done || Number(scan.next_height ?? 0) > from_block) && scan;
  }, { everyMs: 1 });
  await daemon.kill();
  await daemon.start();
  t.diagnostic(`killed at ${passed.next_height} of ${passed.from_height} to ${passed.to_height}`);
  paid.push(await chain.pay(live, 14n), await chain.pay(byBlock, 15n));
  await chain.mine(NEEDED);
  for (const { id } of paid) assert.equal((await told(world, `${id}_1`)).type, 'deposit.confirmed');
  for (const address of [byBlock, byTime]) {
    const where = { network: NETWORK, address };
    await until('the past is read', async () => scanned((await client.call('GetAddress', where)).address));
  }
  const found = await orderIn(world, 'before', 'PAID');
  const asked = { app_id: APP, order_id: 'before' };
  await until('its past is read', async () => scanned((await client.call('GetOrder', asked)).order.lines[0]));
  assert.equal(found.received, String(ONE));
  await sleep(QUIET_MS);
  assert.equal((await client.all('ListDeposits', 'deposits', { app_id: APP })).length, paid.length, 'none but these');
  const { verdict, text } = await explained(world, strange.tx);
  assert.deepEqual([verdict, /watch|cover|before/.test(text)], ['NOT_A_DEPOSIT', true], text);

  const before = world.sink.events.size;
  const words = ['--from', String(first), '--to', String(await node.head()), '--reason', 'to be sure', '--wait'];
  for (let i = 0; i < 2; i++) {
    const { code, stderr } = await cli(daemon, 'network', 'rescan', NETWORK, ...words);
    assert.equal(code, 0, stderr);
  }
  await sleep(QUIET_MS);
  assert.equal(world.sink.events.size, before, 'a second look finds nothing new');
  const { summary } = await closeBooks(world, { paid, first, balances: false });
  assert.equal(Number(summary.transfers_on_chain), paid.length);
  assert.equal(Number(summary.not_covered), 3, 'older than anybody asked for');
  await auditHolds(world, ['app.create', 'network.rescan', 'network.rescan']);
}

/** A bound payment leaves the chain and returns: taken back, and credited to the same order again. */
async function boundReturns(world, { id, tx }) {
  const { chain, node, daemon } = world;
  await chain.fork(NEEDED + 1);
  await daemon.catchesUp(node);
  assert.equal((await told(world, `${id}_2`)).type, 'deposit.reversed');
  const { verdict, text } = await explained(world, tx);
  assert.equal(verdict, 'WAITING', text);
  await deepen(world);
  const { type, data } = await told(world, `${id}_3`);
  assert.deepEqual([type, data.order.order_id], ['deposit.confirmed', 'short']);
  assert.equal((await orderIn(world, 'short', 'PAID')).paid_by, id);
}

/** A payment its order turned away is bound to it; another one is held and let go. */
async function bound(world, random) {
  const { chain, client, node, daemon } = world;
  const [short, stopped] = [chain.address(random), chain.address(random)];
  await wants(world, 'short', short, { amount_policy: 'AMOUNT_POLICY_STRICT_EXACT' });
  await wants(world, 'stopped', stopped);
  const almost = await chain.pay(short, ONE - 1n);
  const held = await chain.pay(stopped, ONE);
  await chain.mine();
  await deposit(world, held.id, 'DETECTED');
  await ask(daemon, 'deposit', 'hold', held.id, '--reason', 'looks odd');
  const bind = ['deposit', 'bind', almost.id, APP, 'short', '--reason', 'the payer rounded'];
  assert.equal((await cli(daemon, ...bind, '--yes')).code, 4, 'not yet unmatched');
  await deepen(world);
  await outcome(world, almost.id, '-under');
  assert.equal((await cli(daemon, ...bind)).code, 2, 'an act of weight takes --yes');
  const without = { deposit_id: almost.id, app_id: APP, order_id: 'short', reason: '' };
  assert.equal((await client.refusal('BindDeposit', without)).code, status.INVALID_ARGUMENT, 'and a reason');
  const done = await ask(daemon, ...bind, '--yes');
  assert.deepEqual([done.deposit_id ?? done.deposit?.deposit_id], [almost.id]);
  const { type, data } = await told(world, `${almost.id}_1`);
  assert.deepEqual([type, data.reason, data.order.order_id], ['deposit.confirmed', 'manual', 'short']);
  assert.equal((await orderIn(world, 'short', 'PAID')).paid_by, almost.id);
  assert.deepEqual((await explained(world, almost.tx)).verdict, 'CREDITED');
  await boundReturns(world, almost);

  await daemon.stop();
  await daemon.start();
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  const waiting = await deposit(world, held.id, 'DETECTED');
  assert.match(waiting.hold.by, /^uid \d+$/);
  assert.deepEqual([waiting.hold.reason, world.sink.events.has(`${held.id}_1`)], ['looks odd', false]);
  const { verdict, text, missing } = await explained(world, held.tx);
  assert.equal(verdict, 'WAITING');
  assert.match(`${text} ${missing}`, /held|looks odd/);
  await client.call('ReleaseDeposit', { deposit_id: held.id, reason: 'it is fine' });
  await told(world, `${held.id}_1`);
  await orderIn(world, 'stopped', 'PAID');
  return [almost, held];
}

/** An address changes hands: what was paid before stays the first owner's. */
async function released(world, random) {
  const { chain, client, node, daemon } = world;
  const address = chain.address(random);
  await client.call('WatchAddress', watch(address));
  const { newest_position: after_position } = await client.call('ListEvents', {});
  const live = client.take('StreamEvents', { after_position }, 2, { timeoutMs: 60_000 });
  const mine = await chain.pay(address, 7n);
  await deepen(world);
  await told(world, `${mine.id}_1`);
  const asked = { network: NETWORK, address, reason: 'the user left' };
  assert.equal((await client.refusal('ReleaseAddress', asked)).reason, 'NOT_NOW', 'its deposit may still change');
  assert.equal((await client.refusal('WatchAddress', watch(address, { app_id: 'kiosk' }))).reason, 'ADDRESS_TAKEN');
  await chain.mine(chain.final);
  await daemon.catchesUp(node);
  await deposit(world, mine.id, 'FINALIZED');
  await client.call('ReleaseAddress', asked);
  assert.equal((await client.refusal('ReleaseAddress', asked)).reason, 'ADDRESS_NOT_FOUND');
  await client.call('WatchAddress', watch(address, { app_id: 'kiosk', user_mark: 'another' }));
  const theirs = await chain.pay(address, 8n);
  await deepen(world);
  const { data } = await told(world, `${theirs.id}_1`);
  assert.deepEqual([data.app_id, data.user_mark], ['kiosk', 'another']);
  assert.equal((await deposit(world, mine.id)).app_id, APP);
  const streamed = (await live).map(({ event }) => event.event_id);
  assert.deepEqual(streamed, [`${mine.id}_1`, `${theirs.id}_1`], 'a stream that was open has them as they came');
  return [mine, theirs];
}

/** What an operator does by hand. Returns the world for what is looked at afterwards. */
export async function byHand(t, family) {
  const random = new Random();
  const world = await open(t, family);
  await addApp(world, 'kiosk');
  const first = (await world.node.head()) + 1;
  const paid = await bound(world, random);
  const [before, after] = await released(world, random);
  await closeBooks(world, { paid: [...paid, before, after], apps: [APP, 'kiosk'], first });
  return { ...world, left: [before.id] };
}
