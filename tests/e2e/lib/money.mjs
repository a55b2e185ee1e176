// What the tests of money share: one way to pay, mine and fork on either family, the command line, and the closing of
// the books, which every story ends with.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Webhook } from 'standardwebhooks';
import { own } from './children.mjs';
import { NETWORK } from './config.mjs';
import { batch, transfer } from './contracts.mjs';
import { BINARY } from './daemon.mjs';
import { SOLID_LAG } from './devnet.mjs';
import { depositId } from './oracle.mjs';
import { verdicts } from './python.mjs';
import { APP, scene, SECRET } from './scene.mjs';
import { account, tronScene } from './tron_scene.mjs';
import { sleep, until } from './wait.mjs';

/** Long enough for something wrong to be told. */
export const QUIET_MS = 400;
/** Of every network here. */
export const WINDOW = 64;
/** One token. */
export const ONE = 1_000_000n;

/** anvil as the stories see it. */
class Evm {
  /** Blocks on top of one that is as good as final to the daemon. */
  final = WINDOW + 4;

  constructor({ node, money }) {
    Object.assign(this, { node, money });
  }

  address(random) {
    return random.address();
  }

  /** A payment for the next block; `from` is a number of an account that has been funded. */
  async pay(to, amount, { from = 0 } = {}) {
    const { token } = this.money;
    const tx = await this.node.send({ from: this.node.accounts[from], to: token, data: transfer(to, amount) });
    return { id: depositId(NETWORK, tx, token, 0), tx, to, amount: BigInt(amount) };
  }

  async fund(count) {
    for (let i = 1; i <= count; i++) await this.pay(this.node.accounts[i], 1000n * ONE);
    await this.mine();
  }

  async mine(count = 1) {
    if (count > 1) await this.node.rpc('anvil_mine', `0x${count.toString(16)}`);
    else await this.node.mine();
    return this.node.head();
  }

  /** One more block, with strangers' transfers and whatever waits. */
  async busyBlock(random) {
    const strangers = Array.from({ length: 20 }, () => ({ to: random.address(), value: random.between(1, 1_000_000) }));
    await this.node.send({ from: this.money.owner, to: this.money.batcher, data: batch(this.money.token, strangers) });
    return this.mine();
  }

  /** Replaces `depth` blocks; what they held is in the last of the new ones, or without `tx` for good. */
  async fork(depth, { without } = {}) {
    const lost = without && (await this.node.raw(without));
    const raws = (await this.node.rawTail(depth)).filter((raw) => raw !== lost);
    await this.node.reorg(depth, raws.map((raw) => [raw, depth - 1]));
  }

  async time() {
    return Number((await this.node.block(await this.node.head())).timestamp);
  }
}

/** The simulated TRON node as the stories see it. */
class Tron {
  final = SOLID_LAG + 2;

  constructor({ node }) {
    Object.assign(this, { node, money: node.money });
  }

  address(random) {
    return account(random);
  }

  async pay(to, amount) {
    const tx = await this.node.pay(to, amount);
    return { id: depositId(NETWORK, tx, this.money.token, 0), tx, to, amount: BigInt(amount) };
  }

  async fund() {}

  mine(count = 1) {
    return this.node.mine(count);
  }

  async busyBlock() {
    await this.node.dev('fill', 1, 60, 20);
    return this.node.head();
  }

  async fork(depth, { without } = {}) {
    await this.node.dev('fork', depth, ...(without ? ['drop'] : []));
  }

  async time() {
    const { block_header: header } = await this.node.wallet('getblock', { detail: false });
    return Math.floor((header.raw_data.timestamp ?? 0) / 1000);
  }
}

/** Node, merchant, daemon and an app, of either family; taken down after test `t`. */
export async function open(t, family, network = {}) {
  const settings = { network: { confirmations: 3, window_blocks: WINDOW, ...network } };
  const parts = family === 'tron' ? await tronScene(t, settings) : await scene(t, settings);
  const chain = family === 'tron' ? new Tron(parts) : new Evm(parts);
  // Blocks a second apart, as on the devnet, however fast they are mined.
  if (family === 'evm') await parts.node.rpc('anvil_setBlockTimestampInterval', 1);
  const { node, sink, daemon, later } = parts;
  await daemon.catchesUp(node);
  return { family, chain, node, sink, daemon, later, get client() { return daemon.client; } };
}

/** One more app, told at the same place. */
export const addApp = ({ client, sink }, app_id) =>
  client.call('CreateApp', { app_id, notify_url: sink.url, secret: SECRET });

/** Runs a command against the daemon; { code, stdout, stderr }. */
export function cli(daemon, ...args) {
  const child = own(spawn(BINARY, [...args, '--server', daemon.socket], { stdio: ['ignore', 'pipe', 'pipe'] }));
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => (out.stdout += bytes));
  child.stderr.on('data', (bytes) => (out.stderr += bytes));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...out }));
  });
}

/** The same, which must end with 0; what it printed, parsed. */
export async function ask(daemon, ...args) {
  const { code, stdout, stderr } = await cli(daemon, ...args, '--json');
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A watch of an address, as it is asked for. */
export const watch = (address, more = {}) =>
  ({ app_id: APP, user_mark: `of ${address.slice(-8)}`, address, networks: [NETWORK], ...more });

/** An order of one token, as it is asked for. */
export const order = (order_id, address, more = {}) => ({
  app_id: APP, order_id, user_mark: `of ${address.slice(-8)}`, address, networks: [NETWORK], token: 'USDT',
  amount_base_units: String(ONE), ...more,
});

/** One deposit, once the daemon knows it and it is in `state`, any if none is said. */
export const deposit = ({ client }, id, state) =>
  until(`${id} ${state ?? ''}`, async () => {
    const { deposit: found } = await client.call('GetDeposit', { deposit_id: id });
    return (!state || found.state === `DEPOSIT_STATE_${state}`) && found;
  });

/** An order, once it is in `state`. */
export const orderIn = ({ client }, order_id, state, app_id = APP) =>
  until(`order ${order_id} ${state}`, async () => {
    const { order: found } = await client.call('GetOrder', { app_id, order_id });
    return found.state === `ORDER_STATE_${state}` && found;
  });

/** The event of this id, once it was pushed. */
export const told = ({ sink }, id) => until(`event ${id}`, () => sink.events.get(id)?.body);

/** What `deposit explain` says of a transaction's only transfer to somebody who is watched, by command and by gRPC. */
export async function explained({ client, daemon, chain }, tx) {
  const printed = await ask(daemon, 'deposit', 'explain', NETWORK, tx);
  const answer = await client.call('ExplainTransaction', { network: NETWORK, tx_hash: tx });
  const pick = (from) => from.transfers.map(({ verdict, reason, text, missing }) => [verdict, reason, text, missing]);
  assert.deepEqual(pick(printed), pick(answer));
  const [one] = answer.transfers.filter(({ token }) => token.contract === chain.money.token);
  const { verdict = 'VERDICT_', reason, missing, text } = one ?? {};
  return { verdict: verdict.replace('VERDICT_', ''), reason, missing, text, answer };
}

/** All events there are, by pages of an odd size. */
async function listed(client, app_id = '') {
  const events = [];
  for (;;) {
    const after_position = events.at(-1)?.position ?? '0';
    const page = await client.call('ListEvents', { app_id, after_position, page_size: 7 });
    if (page.events.length === 0) return { events, newest: Number(page.newest_position) };
    events.push(...page.events);
  }
}

const facts = ({ position, event_id, type, app_id, body }) =>
  [Number(position), event_id, type, app_id, body.toString('utf8')];

/** What is pulled is what was pushed, byte for byte, in one order without gaps, from any point on. */
export async function feedEqualsPushes({ client, sink }) {
  const { events, newest } = await until('every push', async () => {
    const all = await listed(client);
    return all.events.every((event) => event.delivery_state === 'DELIVERY_STATE_DELIVERED') && all;
  });
  assert.ok(events.length > 0 && events.length === newest);
  events.forEach((event, i) => assert.equal(Number(event.position), i + 1, 'positions without gaps'));
  assert.deepEqual(events.map((event) => event.event_id).sort(), [...sink.events.keys()].sort(), 'all of them were pushed');
  for (const event of events) {
    const { text, body } = sink.events.get(event.event_id);
    assert.equal(event.body.toString('utf8'), text, 'the bytes that were pushed');
    assert.deepEqual([event.type, event.app_id], [body.type, body.data.app_id]);
  }
  const from = async (after, app_id = '') => {
    const wanted = events.filter((event) => Number(event.position) > after && (!app_id || event.app_id === app_id));
    const found = await client.take('StreamEvents', { app_id, after_position: String(after) }, wanted.length);
    assert.deepEqual(found.map(({ event }) => facts(event)), wanted.map(facts), `the stream behind ${after}`);
  };
  for (const after of [0, Math.floor(newest / 2), newest - 1]) await from(after);
  for (const app of new Set(events.map((event) => event.app_id))) {
    await from(0, app);
    assert.deepEqual((await listed(client, app)).events.map(facts), events.filter((e) => e.app_id === app).map(facts));
  }
  return events;
}

/** npm's and PyPI's verifier accept every request as it came; npm's refuses each with one byte more. */
export async function everyPushVerifies({ sink }) {
  for (const { headers, text } of sink.requests) {
    new Webhook(SECRET).verify(text, headers);
    assert.throws(() => new Webhook(SECRET).verify(`${text} `, headers));
  }
  const judged = await verdicts(sink.requests.map(({ headers, text }) => ({ secret: SECRET, headers, text })));
  assert.deepEqual(judged.filter((verdict) => verdict !== 'ok'), []);
}

/** Sum of what stands credited for each of these apps, by `ListDeposits`. */
async function credits({ client }, apps) {
  const lists = await Promise.all(apps.map((app_id) => client.all('ListDeposits', 'deposits', { app_id })));
  const standing = lists.flat().filter(({ state }) => /_(CONFIRMED|FINALIZED)$/.test(state));
  return new Map(standing.map(({ deposit_id: id, amount }) => [id, BigInt(amount)]));
}

/**
 * The books: pushes, feed, deposits and chain say the same. `first`: the height the range to reconcile begins with;
 * `paid`: the payments that must stand credited, and no others.
 */
export async function closeBooks(world, { paid, apps = [APP], first = 1, balances = true }) {
  const { chain, node, sink, daemon } = world;
  await chain.mine(chain.final);
  await daemon.catchesUp(node);
  await sleep(QUIET_MS);
  await feedEqualsPushes(world);
  await everyPushVerifies(world);
  const wanted = paid.map(({ id, amount }) => [id, amount]).sort();
  assert.deepEqual([...(await credits(world, apps))].sort(), wanted, 'what ListDeposits says is credited');
  const booked = [...sink.credited()].map(([id, { amount }]) => [id, amount]).sort();
  assert.deepEqual(booked, wanted, 'what the merchant has booked');
  assert.deepEqual(sink.complaints, []);
  const { cursor, final_height: final } = await daemon.network();
  const last = Math.max(Number(final ?? 0), Number(cursor.height) - WINDOW);
  const range = ['--from', String(first), '--to', String(last)];
  const more = balances ? ['--balances', '--nothing-flows-out'] : [];
  const { code, stdout, stderr } = await cli(daemon, 'reconcile', NETWORK, ...range, ...more, '--json');
  assert.equal(code, 0, `${stdout}${stderr}`);
  const { summary } = JSON.parse(stdout.trim().split('\n').at(-1));
  assert.equal(Number(summary.differences), 0);
  assert.equal(Number(summary.transfers_on_chain), Number(summary.transfers_in_store));
  assert.ok(Number(summary.transfers_on_chain) >= paid.length, stdout);
  return { summary };
}
