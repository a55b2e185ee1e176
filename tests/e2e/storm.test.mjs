// Two hundred payments among two thousand strangers' transfers, on a chain that keeps changing its mind, told by a
// daemon that is killed three times. What stands credited at the end is what the chain itself says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Anvil } from './lib/anvil.mjs';
import { balanceOf, batch, transfer } from './lib/contracts.mjs';
import { NETWORK } from './lib/config.mjs';
import { Liar } from './lib/liar.mjs';
import { expectedCredits } from './lib/oracle.mjs';
import { Random, SEED } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';
import { sleep, until } from './lib/wait.mjs';

const CONFIRMATIONS = 6;
const BLOCKS = 60;
const STANDING = 40;
const ORDERS = 10;
const DEPTHS = [1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 20];
const KILLS = 3;
const ACCOUNTS = 300;

/** Every transaction of the storm; each has a sender of its own, so that any of them can move to any block. */
function jobs(random, { money, accounts, standing, orders }) {
  const { token, lookalike, batcher } = money;
  const senders = accounts.slice(1);
  const made = [];
  const add = (to, data) => made.push({ from: senders.pop(), to, data });
  const stranger = () => ({ to: random.address(), value: random.between(1, 1_000_000) });
  const payment = () => ({ to: random.pick(standing), value: random.between(1, 1_000_000) });

  orders.forEach((to, i) => add(token, transfer(to, 1_000_000 + (i % 3) - 1)));
  for (let i = 0; i < 110; i++) {
    const { to, value } = payment();
    add(token, transfer(to, value));
  }
  for (let i = 0; i < 20; i++) {
    const twice = payment();
    const zero = { ...payment(), value: 0 };
    const list = random.shuffle([twice, twice, payment(), payment(), zero, stranger(), stranger()]);
    add(batcher, batch(token, list, i % 2 ? 'pay' : 'payThroughSelf'));
  }
  for (let i = 0; i < 10; i++) add(token, transfer(random.pick(standing), 0));
  for (let i = 0; i < 10; i++) add(batcher, batch(lookalike, [payment(), payment()]));
  for (let i = 0; i < 5; i++) add(batcher, batch(token, [payment(), payment()], 'payAndRevert'));
  for (let i = 0; i < 98; i++) add(batcher, batch(token, Array.from({ length: 20 }, stranger)));
  assert.ok(senders.length >= 0 && made.every((job) => job.from), 'each job has its own sender');
  return random.shuffle(made);
}
const PAYMENTS = ORDERS + 110 + 20 * 4;

/** Gives every sender tokens of its own. */
async function fund(node, { owner, token, batcher }) {
  for (let at = 1; at < node.accounts.length; at += 100) {
    const payments = node.accounts.slice(at, at + 100).map((to) => ({ to, value: 10_000_000 }));
    await node.send({ from: owner, to: batcher, data: batch(token, payments) });
    await node.mine();
  }
}

/** A chain that changes its mind, and the signed transactions that wait to be in it again. */
class Weather {
  constructor(random, node, daemon) {
    Object.assign(this, { random, node, daemon, homeless: [] });
  }

  /** Mines one block with `list` and, sometimes, transactions that lost their block before. */
  async block(list) {
    for (const job of list) await this.node.send(job);
    while (this.homeless.length && this.random.chance(0.4)) {
      await this.node.rpc('eth_sendRawTransaction', this.homeless.shift());
    }
    await this.node.mine();
    await sleep(this.random.between(0, 120));
  }

  /** Replaces `depth` blocks: most transactions come back, in another order and in other blocks. */
  async reorg(depth) {
    if (this.random.chance(0.7) || depth > CONFIRMATIONS) await this.daemon.catchesUp(this.node);
    const placed = [];
    for (const raw of this.random.shuffle(await this.node.rawTail(depth))) {
      if (this.random.chance(0.7)) placed.push([raw, this.random.between(0, depth - 1)]);
      else this.homeless.push(raw);
    }
    await this.node.reorg(depth, placed);
    if (this.random.chance(0.5)) await this.daemon.catchesUp(this.node);
  }

  /** The chain becomes shorter and stays so until the daemon has followed it down. */
  async shorten(depth) {
    await this.daemon.catchesUp(this.node);
    this.homeless.push(...this.random.shuffle(await this.node.rawTail(depth)));
    await this.node.rollback(depth);
    await this.daemon.catchesUp(this.node);
  }

  /** A→B→A: another node wins for a while, long enough to be believed, then the first one wins again. */
  async thereAndBack(proxy, list) {
    const { node, daemon } = this;
    const other = await Anvil.start({ accounts: ACCOUNTS });
    try {
      await other.load(await node.dump());
      const fork = await node.head();
      assert.equal((await other.block(fork)).hash, (await node.block(fork)).hash, 'both nodes share the past');
      await this.block(list);
      await node.mine(CONFIRMATIONS);
      await daemon.catchesUp(node);
      await sleep(300);
      const kept = await node.rawTail(CONFIRMATIONS + 1);
      for (const raw of kept.slice(0, kept.length / 2)) await other.rpc('eth_sendRawTransaction', raw);
      await other.mine(CONFIRMATIONS + 3);
      proxy.switchTo(other.url);
      await daemon.catchesUp(other);
      await sleep(300);
      await node.mine(CONFIRMATIONS);
      proxy.switchTo(node.url);
      await daemon.catchesUp(node);
    } finally {
      await other.stop();
    }
  }

  /** Everything lands at last and becomes deep enough. */
  async calm() {
    for (const raw of this.homeless.splice(0)) await this.node.rpc('eth_sendRawTransaction', raw);
    await this.node.mine(CONFIRMATIONS + 2);
    await this.daemon.catchesUp(this.node, { timeoutMs: 60_000 });
  }
}

/** Watches the addresses and registers the orders; returns address → first covered height. */
async function register(client, standing, orders) {
  const watches = standing.map((address, i) => ({ app_id: APP, user_mark: `u${i}`, address, networks: [NETWORK] }));
  const { results: watched } = await client.call('BatchWatchAddresses', { watches });
  const asked = orders.map((address, i) => ({
    app_id: APP, order_id: `order-${i}`, user_mark: `o${i}`, address, networks: [NETWORK], token: 'USDT',
    amount_base_units: '1000000',
  }));
  const { results: registered } = await client.call('BatchRegisterOrders', { orders: asked });
  const first = new Map();
  for (const { watched: each } of watched) first.set(each.addresses[0].address, Number(each.addresses[0].standing_from));
  for (const { order } of registered) first.set(order.address, Number(order.lines[0].effective_from));
  return first;
}

async function killAndStart(daemon, random) {
  await sleep(random.between(0, 400));
  await daemon.kill();
  await daemon.start();
}

test(`a storm of reorgs and kills ends with what the chain says (E2E_SEED=${SEED})`, async (t) => {
  const random = new Random();
  const wire = async (node) => {
    const proxy = await Liar.start(node.url);
    return { endpoints: proxy.url, proxy, stop: () => proxy.stop() };
  };
  const network = { confirmations: CONFIRMATIONS, window_blocks: 128, start: 0 };
  const { node, money, sink, daemon, client, wired } = await scene(t, { accounts: ACCOUNTS, network, wire });
  const refusedOnce = new Set();
  sink.misbehave = (id) => {
    if (refusedOnce.has(id) || !random.chance(0.05)) return undefined;
    refusedOnce.add(id);
    return 500;
  };

  const standing = Array.from({ length: STANDING }, () => random.address());
  const orders = Array.from({ length: ORDERS }, () => random.address());
  const watched = await register(client, standing, orders);
  assert.equal(watched.size, STANDING + ORDERS);
  await fund(node, money);
  await node.mine(Math.max(...DEPTHS));

  const weather = new Weather(random, node, daemon);
  const all = jobs(random, { money, accounts: node.accounts, standing, orders });
  const moments = random.shuffle([...Array(BLOCKS - 10).keys()].map((i) => i + 8));
  const reorgs = new Map(DEPTHS.map((depth) => [moments.pop(), () => weather.reorg(depth)]));
  reorgs.set(moments.pop(), () => weather.shorten(8));
  reorgs.set(moments.pop(), () => weather.thereAndBack(wired.proxy, all.splice(0, 5)));
  const kills = new Set(moments.splice(0, KILLS));
  let killing = Promise.resolve();
  for (let block = 0; block < BLOCKS; block++) {
    if (kills.has(block)) killing = killing.then(() => killAndStart(daemon, random));
    await weather.block(all.splice(0, Math.ceil(all.length / (BLOCKS - block))));
    await reorgs.get(block)?.();
  }
  await killing;
  assert.deepEqual([all.length, daemon.starts], [0, 1 + KILLS]);
  await weather.calm();
  await judge({ node, money, sink, client, watched });
});

/** The merchant's books, the daemon's own list and the token's balances all say what the chain says. */
async function judge({ node, money, sink, client, watched }) {
  const { credits } = await expectedCredits(node, {
    network: NETWORK, token: money.token, watched, confirmations: CONFIRMATIONS,
  });
  assert.equal(credits.size, PAYMENTS, 'every payment is on the chain in the end');
  const expected = [...credits].map(([id, { to, amount, tx, ordinal }]) => [id, to, amount, tx, ordinal]).sort();
  const told = () => [...sink.credited()].map(([id, { to, amount, tx, ordinal }]) => [id, to, amount, tx, ordinal]).sort();
  const listed = () => client.all('ListDeposits', 'deposits', { app_id: APP });
  await until('the last notification', async () => {
    const versions = new Map([...sink.ledger()].map(([id, events]) => [id, events.at(-1).data.version]));
    return (await listed()).every(({ deposit_id: id, version }) => version === (versions.get(id) ?? 0));
  }, { timeoutMs: 40_000, everyMs: 200 });

  assert.deepEqual(told(), expected, 'credit minus reverse, as the merchant was told');
  const standing = (await listed()).filter((d) => ['DEPOSIT_STATE_CONFIRMED', 'DEPOSIT_STATE_FINALIZED'].includes(d.state));
  assert.deepEqual(
    standing.map((d) => [d.deposit_id, d.address, BigInt(d.amount), d.tx_hash, d.log_ordinal]).sort(), expected,
    'the same by ListDeposits',
  );
  for (const address of watched.keys()) {
    const sum = [...credits.values()].filter(({ to }) => to === address).reduce((all, { amount }) => all + amount, 0n);
    assert.equal(sum, await balanceOf(node, money.token, address), `the token's own balance of ${address}`);
  }
  const reversals = [...sink.events.values()].filter(({ body }) => body.type === 'deposit.reversed').length;
  assert.ok(reversals > 0, 'some credits were taken back on the way');
  assert.deepEqual(sink.complaints, []);
}
