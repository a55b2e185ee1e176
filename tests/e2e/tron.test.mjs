// TRON: an order with a T-address is seen at once and credited when its block is solid, whatever happens in between:
// forks, a solid side that stands still, a kill, a replica that is behind.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { NETWORK } from './lib/config.mjs';
import { SOLID_LAG } from './lib/devnet.mjs';
import { status } from './lib/grpc.mjs';
import { depositId } from './lib/oracle.mjs';
import { Random } from './lib/random.mjs';
import { APP } from './lib/scene.mjs';
import { addressHex } from './lib/tron.mjs';
import { TronLiar } from './lib/tron_liar.mjs';
import { account, tronScene } from './lib/tron_scene.mjs';
import { verifiersAgree } from './lib/verifiers.mjs';
import { sleep, until } from './lib/wait.mjs';

/** Long enough for something wrong to be told. */
const QUIET_MS = 400;

/** An endpoint at the head, and one three blocks behind. */
async function oneBehind(node) {
  const late = await TronLiar.start(node.url);
  late.lag = 3;
  return { endpoints: [node.url, late.url], late, stop: () => late.stop() };
}

const order = (id, address, more = {}) => ({
  app_id: APP, order_id: id, user_mark: 'user 7', address, networks: [NETWORK], token: 'USDT', amount_decimal: '10.5', ...more,
});

const deposits = (client) => client.all('ListDeposits', 'deposits', { app_id: APP });

/** The one deposit of transaction `tx`, once it has been seen. */
const seen = (client, tx) =>
  until(`deposit ${tx}`, async () => (await deposits(client)).find((deposit) => deposit.tx_hash === tx));

test('a paid order is seen at once, credited when solid, told once and signed', async (t) => {
  const { node, sink, daemon, client, wired: { late } } = await tronScene(t, { wire: oneBehind });
  const payee = account(new Random(1));
  const { order: open } = await client.call('RegisterOrder', order('A-1', payee));
  assert.deepEqual([open.address, open.amount, open.state], [payee, '10500000', 'ORDER_STATE_OPEN']);
  const again = await client.call('RegisterOrder', order('A-1', `41${addressHex(payee)}`));
  assert.deepEqual(again.order, open, 'the same account in hex is the same order');

  await node.mine(5);
  const tx = await node.pay(payee, 10_500_000);
  const height = await node.mine();
  const early = await seen(client, tx);
  assert.deepEqual([early.state, early.version, early.required.finalized], ['DEPOSIT_STATE_DETECTED', 0, true]);
  await node.mine(SOLID_LAG - 1);
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  assert.equal(await node.solidHead(), height - 1);
  assert.equal(sink.events.size, 0, 'one block before it is solid: nothing is told');
  await node.mine();
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  assert.equal(sink.events.size, 0, 'the endpoint that is behind is waited for');
  await node.mine(late.lag);
  const [[id, event]] = await until('the notification', () => sink.events.size && [...sink.events]);

  const deposit = depositId(NETWORK, tx, node.money.token, 0);
  assert.equal(id, `${deposit}_1`);
  const { type, data } = event.body;
  const { hash } = await node.block(height);
  assert.equal(type, 'deposit.confirmed');
  assert.deepEqual(data.token, { contract: node.money.token, symbol: 'USDT', decimals: 6 });
  assert.deepEqual(
    [data.amount, data.amount_decimal, data.tx_hash, data.log_ordinal, data.address, data.reason, data.order.order_id],
    ['10500000', '10.500000', tx, 0, payee, 'matched', 'A-1'],
  );
  assert.deepEqual([Number(data.block.height), data.block.hash], [height, hash], 'the block as TRON names it');
  const { order: paid } = await client.call('GetOrder', { app_id: APP, order_id: 'A-1' });
  assert.deepEqual([paid.state, paid.paid_by], ['ORDER_STATE_PAID', deposit]);
  await verifiersAgree(sink.requests[0], '10500000', '10500001');
  await node.mine(SOLID_LAG);
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  assert.equal(sink.requests.length, 1, 'told once');
  assert.deepEqual(sink.complaints, []);
  assert.equal((await daemon.stop()).code, 0);
});

test('an address that is none of TRON is refused, with a hint', async (t) => {
  const { client } = await tronScene(t);
  const payee = account(new Random(2));
  const cases = [
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', /EVM/],
    [payee.toLowerCase(), /address|checksum/],
    [`${payee.slice(0, -1)}${payee.endsWith('a') ? 'b' : 'a'}`, /checksum/],
    [payee.slice(0, -1), /address|checksum/],
    ['T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb', /zero/],
  ];
  for (const [address, hint] of cases) {
    const told = await client.refusal('RegisterOrder', order(`bad-${address}`.slice(0, 30), address));
    assert.equal(told.code, status.INVALID_ARGUMENT, address);
    assert.match(told.message, hint, address);
  }
});

test('forks of 1 to 17 blocks with the payment coming back: credited once, never taken back', async (t) => {
  const { node, sink, daemon, client } = await tronScene(t, { wire: oneBehind });
  const paid = [];
  for (let depth = 1; depth < SOLID_LAG; depth++) {
    const payee = account(new Random(100 + depth));
    await client.call('RegisterOrder', order(`fork-${depth}`, payee));
    const tx = await node.pay(payee, 10_500_000);
    const height = await node.mine(depth) - depth + 1;
    const before = await seen(client, tx);
    assert.equal(Number(before.block.height), height);
    await daemon.catchesUp(node);
    await node.dev('fork', depth);
    await daemon.catchesUp(node);
    const after = await seen(client, tx);
    assert.equal(after.deposit_id, before.deposit_id);
    assert.notEqual(after.block.hash, before.block.hash, 'it is in another block now');
    paid.push([depositId(NETWORK, tx, node.money.token, 0), payee]);
  }
  const lost = account(new Random(200));
  await client.call('RegisterOrder', order('lost', lost));
  const gone = await node.pay(lost, 10_500_000);
  await node.mine(5);
  await seen(client, gone);
  await daemon.catchesUp(node);
  await node.dev('fork', 5, 'drop');
  await node.mine(SOLID_LAG);
  await daemon.catchesUp(node);
  await until('every credit', () => sink.credited().size === paid.length);
  await sleep(QUIET_MS);
  const told = [...sink.events.values()].map(({ body: { type, data } }) => [data.deposit_id, data.address, data.version, type]);
  const wanted = paid.map(([id, payee]) => [id, payee, 1, 'deposit.confirmed']);
  assert.deepEqual(told.sort(), wanted.sort(), 'one credit each, and nothing about the one that is gone');
  assert.equal((await seen(client, gone)).state, 'DEPOSIT_STATE_ORPHANED');
  const { order: open } = await client.call('GetOrder', { app_id: APP, order_id: 'lost' });
  assert.equal(open.state, 'ORDER_STATE_OPEN');
  assert.deepEqual(sink.complaints, []);
});

test('a solid side that stands still holds the credit and raises its own alarm; a kill changes nothing', async (t) => {
  // Blocks are a second apart here: solid is 18 s old while all is well.
  const network = { head_stall_after_s: 20, finality_stall_after_s: 30 };
  const { node, sink, daemon, client } = await tronScene(t, { wire: oneBehind, network, blocks: 60 });
  const alarms = () => Promise.all(['head', 'finality'].map((what) => daemon.metric(`depositd_network_${what}_stalled`)));
  const payee = account(new Random(3));
  await client.call('RegisterOrder', order('stall', payee));
  await until('no alarm', async () => (await alarms()).join() === '0,0', { timeoutMs: 5000 });
  await node.dev('stall_solid', true);
  const solid = await node.solidHead();
  const tx = await node.pay(payee, 10_500_000);
  await node.mine();
  await seen(client, tx);
  // The head goes on, a block a second; what is solid does not.
  await until('the alarm', async () => {
    await node.mine();
    return (await alarms())[1] === 1;
  }, { timeoutMs: 60_000, everyMs: 1000 });
  await node.mine(SOLID_LAG);
  await daemon.catchesUp(node);
  assert.deepEqual(await alarms(), [0, 1], 'finality has stalled, the head has not');
  const { head_stalled: head, finality_stalled: finality } = await daemon.network();
  assert.deepEqual([head, finality], [false, true], 'the same by ListNetworks');
  assert.equal(await node.solidHead(), solid);
  assert.equal(sink.events.size, 0, 'nothing is credited meanwhile');
  await daemon.kill();
  await daemon.start();
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  assert.deepEqual([(await seen(client, tx)).state, sink.events.size], ['DEPOSIT_STATE_DETECTED', 0]);

  await node.dev('stall_solid', false);
  await node.mine();
  await until('the notification', () => sink.events.size === 1);
  await until('the end of the alarm', async () => (await alarms()).join() === '0,0');
  assert.deepEqual([...sink.credited().keys()], [depositId(NETWORK, tx, node.money.token, 0)]);
  assert.deepEqual(sink.complaints, []);
});

test('killed at any moment between payment and notification, it tells each once', async (t) => {
  const { node, sink, daemon, client } = await tronScene(t, { wire: oneBehind });
  const random = new Random();
  const wanted = [];
  for (let round = 0; round < 6; round++) {
    const payee = account(random);
    await client.call('RegisterOrder', order(`kill-${round}`, payee));
    const tx = await node.pay(payee, 10_500_000);
    await node.mine(random.between(1, SOLID_LAG));
    await sleep(random.between(0, 250));
    await daemon.kill();
    await node.mine(random.between(1, SOLID_LAG));
    await daemon.start();
    wanted.push(depositId(NETWORK, tx, node.money.token, 0));
  }
  await node.mine(SOLID_LAG);
  await daemon.catchesUp(node);
  await until('every credit', () => sink.credited().size === wanted.length);
  assert.deepEqual([...sink.events.keys()].sort(), wanted.map((id) => `${id}_1`).sort());
  assert.deepEqual(sink.complaints, []);
});

test('mode solid reads only the solidity side, few requests, and credits what it sees', async (t) => {
  const wire = async (node) => {
    const proxy = await TronLiar.start(node.url);
    return { endpoints: proxy.url, proxy, stop: () => proxy.stop() };
  };
  const { node, sink, daemon, enrol, wired } = await tronScene(t, { wire, network: { mode: 'solid', start: 0 }, start: false });
  const payee = account(new Random(4));
  const BLOCKS = 200;
  await node.mine(BLOCKS + SOLID_LAG);
  await daemon.start();
  await enrol();
  const solid = await node.block(await node.solidHead());
  await daemon.reaches({ height: solid.number, hash: solid.hash });
  const paths = () => Object.entries(wired.proxy.asked);
  const reads = paths().reduce((all, [path, count]) => all + (/getblock|infobyblocknum/.test(path) ? count : 0), 0);
  t.diagnostic(`${(reads / solid.number).toFixed(2)} requests a block while catching up`);
  await daemon.client.call('RegisterOrder', order('solid', payee));
  const tx = await node.pay(payee, 10_500_000);
  const height = await node.mine(SOLID_LAG) - SOLID_LAG + 1;
  await sleep(QUIET_MS);
  assert.deepEqual(await deposits(daemon.client), [], 'not solid: not seen');
  await node.mine();
  await until('the notification', () => sink.events.size === 1);
  assert.deepEqual([...sink.credited().keys()], [depositId(NETWORK, tx, node.money.token, 0)]);
  assert.equal(Number((await daemon.network()).cursor.height), height, 'the cursor stands at what is solid');
  const full = paths().filter(([path]) => path.startsWith('/wallet/') && /getblockby|getnowblock|infobyblocknum/.test(path));
  assert.deepEqual(full, [], 'no block is read from the full side');
});

test("a node of one's own: the solidity side on a port of its own", async (t) => {
  const wire = (node) => ({ endpoints: { url: node.url, solid_url: node.solidUrl } });
  const { node, sink, daemon, client } = await tronScene(t, { wire, twoPorts: true });
  const payee = account(new Random(5));
  await client.call('RegisterOrder', order('own', payee));
  const tx = await node.pay(payee, 10_500_000);
  await node.mine(SOLID_LAG + 1);
  await until('the notification', () => sink.events.size === 1);
  assert.deepEqual([...sink.credited().keys()], [depositId(NETWORK, tx, node.money.token, 0)]);

  await daemon.kill();
  const log = daemon.log.length;
  daemon.configure({ endpoints: node.url });
  await daemon.start();
  await until('a hint at the other port', () => /solid_url|8091/.test(daemon.log.slice(log)));
});

test('with JSON-RPC configured blocks are read from its receipts', async (t) => {
  const wire = async (node) => {
    const proxy = await TronLiar.start(node.url);
    return { endpoints: { url: proxy.url, jsonrpc_url: `${proxy.url}/jsonrpc` }, proxy, stop: () => proxy.stop() };
  };
  const { node, sink, daemon, client, wired } = await tronScene(t, { wire });
  const payee = account(new Random(7));
  await client.call('RegisterOrder', order('receipts', payee));
  await node.dev('fill', 3, 20, 5);
  const tx = await node.pay(payee, 10_500_000);
  await node.mine();
  await seen(client, tx);
  await node.dev('fork', 1);
  await daemon.catchesUp(node);
  await node.mine(SOLID_LAG);
  await until('the notification', () => sink.events.size === 1);
  assert.deepEqual([...sink.credited().keys()], [depositId(NETWORK, tx, node.money.token, 0)]);
  assert.ok(wired.proxy.asked['/jsonrpc'] > 0, JSON.stringify(wired.proxy.asked));
  assert.equal(wired.proxy.asked['/wallet/gettransactioninfobyblocknum'], undefined, 'no infos beside receipts');
});

test('the key reaches the node and nothing else', async (t) => {
  const KEY = '7c3d1fb2-0e2e-4d57-9d5c-a1b2c3d4e5f6';
  const bare = [];
  const wire = async (node) => {
    const proxy = await TronLiar.start(node.url);
    proxy.onRequest = (path, headers) => {
      if (headers['tron-pro-api-key'] !== KEY) bare.push(path);
    };
    return { endpoints: proxy.url, proxy, stop: () => proxy.stop() };
  };
  const { node, sink, daemon, enrol, wired } = await tronScene(t, { wire, start: false });
  const file = join(daemon.dir, 'provider.key');
  writeFileSync(file, `${KEY}\n`, { mode: 0o600 });
  daemon.configure({ endpoints: { url: wired.proxy.url, api_key_file: file } });
  await daemon.start();
  await enrol();
  const payee = account(new Random(6));
  await daemon.client.call('RegisterOrder', order('key', payee));
  await node.pay(payee, 10_500_000);
  await node.mine(SOLID_LAG + 1);
  await until('the notification', () => sink.events.size === 1);
  for (const lie of ['tooMany', 'quota', 'html', 'truncated']) {
    wired.proxy.tell(lie);
    await node.mine();
    await sleep(QUIET_MS);
  }
  wired.proxy.behave();
  await daemon.catchesUp(node, { timeoutMs: 60_000 });
  assert.ok(wired.proxy.requests > 0);
  assert.deepEqual(bare, [], 'every request carried the key');
  for (const text of [daemon.log, await daemon.page('/metrics'), await daemon.page('/readyz?verbose')]) {
    assert.equal(text.includes(KEY), false, 'no log and no page shows it');
  }
  assert.equal((await daemon.stop()).code, 0);
  assert.equal(daemon.log.includes(KEY), false);
});
