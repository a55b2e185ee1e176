// Ten thousand full TRON blocks (400 transactions, 100 token transfers each) read by a daemon that is killed, from two
// endpoints of which one lags, is throttled and lies, on a chain that forks as deep as TRON can. What stands credited at
// the end is what the ledger says, and nothing was ever taken back.
//
// TRON_BLOCKS: full blocks in all (10000). E2E_SEED: the random choices.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NETWORK } from './lib/config.mjs';
import { SOLID_LAG } from './lib/devnet.mjs';
import { depositId } from './lib/oracle.mjs';
import { Random, SEED } from './lib/random.mjs';
import { APP } from './lib/scene.mjs';
import { LIES, TronLiar } from './lib/tron_liar.mjs';
import { account, tronScene } from './lib/tron_scene.mjs';
import { TronStorm } from './lib/tron_storm.mjs';
import { sleep, until } from './lib/wait.mjs';

const BLOCKS = Number(process.env.TRON_BLOCKS ?? 10_000);
/** What mainnet writes into a block on a busy day. */
const FULL = { txs: 400, transfers: 100 };
const WATCHED = 200;
/** Blocks read near the head; the others while catching up. */
const NEAR = Math.min(600, Math.floor(BLOCKS / 2));
/** Endpoint trouble while catching up, each before a kill. */
const CATCH_UP_TROUBLES = [{ lie: 'partialInfos' }, { perSecond: 20 }, { lag: 400 }, { lie: 'tamperedAmounts' }];
const DEEPEST = SOLID_LAG - 1;
const SLOW = { timeoutMs: 240_000, everyMs: 100 };

const seconds = (since) => (Date.now() - since) / 1000;

/** Requests that got an answer or not, by the daemon's own count since its start. */
async function requests(daemon) {
  const lines = (await daemon.page('/metrics')).split('\n').filter((line) => line.startsWith('depositd_source_requests_total{'));
  return lines.reduce((all, line) => all + Number(line.split(' ').at(-1)), 0);
}

const cursor = async (daemon) => Number((await daemon.network()).cursor?.height ?? 0);

async function watch(client, random, head) {
  const addresses = Array.from({ length: WATCHED }, () => account(random));
  const watches = addresses.map((address, i) => ({ app_id: APP, user_mark: `u${i}`, address, networks: [NETWORK] }));
  const { results } = await client.call('BatchWatchAddresses', { watches });
  for (const { watched } of results) assert.ok(Number(watched.addresses[0].standing_from) <= head + 1);
  return addresses;
}

/** The old blocks, with a kill at every quarter and other trouble in each. */
async function catchUp(t, { daemon, liar, storm }) {
  const began = Date.now();
  const quarter = Math.floor(storm.head / (CATCH_UP_TROUBLES.length + 1));
  for (const [i, trouble] of CATCH_UP_TROUBLES.entries()) {
    Object.assign(liar, trouble);
    await daemon.start();
    await sleep(1500);
    liar.behave();
    await until(`a ${i + 1}th part`, async () => (await cursor(daemon)) >= quarter * (i + 1), SLOW);
    await daemon.kill();
  }
  await daemon.start();
  const [from, since, asked] = [await cursor(daemon), Date.now(), await requests(daemon)];
  await daemon.reaches({ height: storm.head - 2 * SOLID_LAG }, SLOW);
  const [read, took] = [(await cursor(daemon)) - from, seconds(since)];
  t.diagnostic(`caught up ${storm.head} blocks in ${seconds(began).toFixed(1)} s with ${CATCH_UP_TROUBLES.length} kills`);
  // With few blocks in all, the last part is over before it can be measured.
  if (read < 100) return;
  const each = ((await requests(daemon)) - asked) / read;
  t.diagnostic(`undisturbed: ${(read / took).toFixed(0)} blocks/s`);
  t.diagnostic(`${each.toFixed(2)} requests a block to both endpoints, those before credits included`);
}

/** Forks of every depth, half of them deep ones with what was paid coming back. */
function forks(random) {
  const depths = [...Array(DEEPEST).keys()].map((i) => i + 1);
  return random.shuffle(depths).map((depth, i) => ({ depth, drop: i % 3 === 2 }));
}

/** The newest blocks: every lie, every depth, kills. */
async function nearTheHead({ daemon, liar, storm, random, node }, blocks) {
  const lies = random.shuffle(Object.keys(LIES).filter((lie) => lie !== 'none'));
  const steps = [
    ...lies.map((lie) => ({ lie })), ...forks(random).map((fork) => ({ fork })),
    { lag: 5 }, { lag: 30 }, { perSecond: 5 }, { perSecond: 1 },
  ];
  const each = Math.max(1, Math.floor(blocks / steps.length));
  const unseen = [];
  for (const { fork, ...trouble } of random.shuffle(steps)) {
    if (trouble.lie || random.chance(0.2)) {
      await daemon.kill();
      await daemon.start();
    }
    liar.remembers = true;
    const told = liar.told;
    Object.assign(liar, trouble);
    await storm.fill(each);
    if (trouble.lie) await sleep(random.between(400, 800));
    if (fork) {
      await storm.fill(fork.depth);
      if (random.chance(0.7)) await daemon.catchesUp(node, SLOW);
      await storm.fork(fork.depth, fork);
      if (random.chance(0.3)) liar.tell('otherBranchInfos');
    }
    await sleep(random.between(0, 300));
    if (trouble.lie && liar.told === told) unseen.push(trouble.lie);
    liar.behave();
    if (random.chance(0.5)) await daemon.catchesUp(node, SLOW);
  }
  // Only a fork makes the infos of another branch.
  assert.deepEqual(unseen.filter((lie) => lie !== 'otherBranchInfos'), [], 'every lie was told');
}

/** Deposits that must stand credited: what the ledger says each account received in solid blocks. */
async function received(node, watched) {
  const lists = await node.many(watched.map((address) => ['received', address]));
  return new Map(watched.flatMap((to, i) => lists[i].filter(({ solid }) => solid).map(({ tx, token, ordinal, amount }) => [
    depositId(NETWORK, tx, token, ordinal), { to, amount: BigInt(amount) },
  ])));
}

const NAME = `${BLOCKS} full blocks with kills, lag, forks, throttling and lies: the credited set is the ledger's`;

test(`${NAME} (E2E_SEED=${SEED})`, async (t) => {
  const random = new Random();
  const wire = async (node) => {
    const liar = await TronLiar.start(node.url);
    return { endpoints: [liar.url, node.url], liar, stop: () => liar.stop() };
  };
  const scene = await tronScene(t, { wire, network: { start: 0, window_blocks: 128 } });
  const { node, sink, daemon, client, wired: { liar } } = scene;
  const watched = await watch(client, random, await node.head());
  await daemon.kill();
  const storm = new TronStorm(random, node, watched, { head: await node.head(), size: FULL });
  const began = Date.now();
  await storm.fill(BLOCKS - NEAR);
  t.diagnostic(`${storm.mined} blocks mined in ${seconds(began).toFixed(1)} s`);
  await catchUp(t, { daemon, liar, storm });
  const near = Date.now();
  await nearTheHead({ daemon, liar, storm, random, node }, NEAR);
  await storm.calm(SOLID_LAG);
  await daemon.catchesUp(node, SLOW);
  t.diagnostic(`${storm.mined} blocks mined in all; near the head ${seconds(near).toFixed(1)} s, ${daemon.starts - 1} kills`);

  const expected = await received(node, watched);
  const idOf = (tx) => depositId(NETWORK, tx, node.money.token, 0);
  const planned = storm.paid.map(({ tx, to, amount }) => [idOf(tx), to, amount]).sort();
  const flat = (map) => [...map].map(([id, { to, amount }]) => [id, to, amount]).sort();
  assert.deepEqual(flat(expected), planned, 'the ledger holds what was paid and not dropped');
  await until('every credit', () => sink.events.size >= expected.size, { ...SLOW, timeoutMs: 60_000 });
  await sleep(1000);
  assert.deepEqual(flat(sink.credited()), planned, 'the merchant was told what the ledger says');
  const kinds = new Set([...sink.events.values()].map(({ body: { type, data } }) => `${type} ${data.version}`));
  assert.deepEqual([...kinds], ['deposit.confirmed 1'], 'nothing was ever taken back');
  // A credit that was verified after its block became final is called final with the next look.
  await storm.calm(1);
  const standing = async () => (await client.all('ListDeposits', 'deposits', { app_id: APP }))
    .filter((deposit) => deposit.state !== 'DEPOSIT_STATE_ORPHANED');
  const listed = await until('every deposit to be final', async () => {
    const all = await standing();
    return all.every(({ state }) => state === 'DEPOSIT_STATE_FINALIZED') && all;
  }, { everyMs: 500 });
  assert.deepEqual(listed.map((d) => [d.deposit_id, d.address, BigInt(d.amount)]).sort(), planned, 'the same by ListDeposits');
  assert.deepEqual(sink.complaints, []);
  t.diagnostic(`${expected.size} deposits, ${seconds(began).toFixed(0)} s in all`);
  t.diagnostic(`${liar.told} lies told, ${liar.throttled} requests throttled`);
});
