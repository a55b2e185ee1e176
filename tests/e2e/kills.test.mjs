// Two hundred SIGKILLs while notifications are on their way: when a request has arrived, when its answer has been
// written, and at any other time, on a chain that takes payments back. Nothing is lost, nothing has two bodies, versions
// come in order, and what was pushed is what the feed holds.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transfer } from './lib/contracts.mjs';
import { NETWORK } from './lib/config.mjs';
import { Random, SEED } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';
import { sleep, until } from './lib/wait.mjs';

const KILLS = Number(process.env.E2E_DELIVERY_KILLS ?? 200);
const CONFIRMATIONS = 2;
const STANDING = 20;
/** Longest wait for the moment of a kill: then it comes anyhow. */
const MOMENT_MS = 400;
/** Of a hundred first deliveries so many are answered with an error. */
const REFUSED_PERCENT = 10;

/** The moments a kill may choose. */
const MOMENTS = ['arrived', 'answered', 'any'];

/** Lets a test wait until the sink has got a request, or has answered one. */
function watch(sink, random) {
  const waiting = { arrived: [], answered: [] };
  const refused = new Set();
  const tell = (moment) => waiting[moment].splice(0).forEach((resolve) => resolve(true));
  sink.server.prependListener('request', (_, response) => {
    tell('arrived');
    response.once('finish', () => tell('answered'));
  });
  // Once per event: the second pause of the schedule would be five minutes.
  sink.misbehave = (id) => {
    if (refused.has(id) || random.between(1, 100) > REFUSED_PERCENT) return undefined;
    refused.add(id);
    return 500;
  };
  return {
    refused,
    moment: (which) => Promise.race([new Promise((resolve) => waiting[which].push(resolve)), sleep(MOMENT_MS)]),
  };
}

/** A block with a few payments; now and then the last blocks are replaced by others. */
async function live(node, money, standing, random) {
  for (let i = random.between(1, 3); i > 0; i--) {
    await node.send({ from: money.owner, to: money.token, data: transfer(random.pick(standing), random.between(1, 1_000_000)) });
  }
  await node.mine();
  if (!random.chance(0.08)) return;
  const depth = random.between(1, CONFIRMATIONS + 2);
  const back = random.chance(0.5) ? await node.rawTail(depth) : [];
  await node.reorg(depth, back.map((raw) => [raw, depth - 1]));
}

test(`${KILLS} kills during delivery lose nothing and tell nothing twice (E2E_SEED=${SEED})`, async (t) => {
  const random = new Random();
  const { node, money, sink, daemon, client } = await scene(t, { network: { confirmations: CONFIRMATIONS } });
  const standing = Array.from({ length: STANDING }, () => random.address());
  for (const address of standing) {
    await client.call('WatchAddress', { app_id: APP, user_mark: 'u', address, networks: [NETWORK] });
  }
  const { moment, refused } = watch(sink, random);
  const fruitful = { arrived: 0, answered: 0, any: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const which = MOMENTS[kill % MOMENTS.length];
    const came = which === 'any' ? sleep(random.between(1, 120)) : moment(which);
    await live(node, money, standing, random);
    fruitful[which] += (await came) || which === 'any' ? 1 : 0;
    await daemon.kill();
    await daemon.start();
  }
  await node.mine(CONFIRMATIONS + 2);
  await daemon.catchesUp(node);
  const events = await settled(client);

  assert.deepEqual(sink.complaints, []);
  assert.ok(fruitful.arrived > KILLS / 6 && fruitful.answered > KILLS / 6, `moments hit: ${JSON.stringify(fruitful)}`);
  assert.equal(new Set(events.map((event) => event.event_id)).size, events.length, 'no id twice in the feed');
  for (const event of events) {
    const got = sink.events.get(event.event_id);
    assert.ok(got, `${event.event_id} was told`);
    assert.equal(got.text, Buffer.from(event.body).toString('utf8'), `${event.event_id}: pushed and pulled are the same`);
  }
  assert.equal(sink.events.size, events.length, 'nothing was told that is not in the feed');
  await matchesTheChain(sink, client);
  const again = [...sink.events.values()].filter((event) => event.deliveries > 1).length;
  t.diagnostic(`${events.length} events, ${refused.size} refused once, ${again} told more than once, ` +
    `kills at ${JSON.stringify(fruitful)}`);
});

/** Every event of the feed, once all of them are delivered. */
async function settled(client) {
  const page = async () => {
    const all = [];
    for (let after = '0'; ;) {
      const { events } = await client.call('ListEvents', { app_id: APP, after_position: after, page_size: 1000 });
      if (events.length === 0) return all;
      all.push(...events);
      after = events.at(-1).position;
    }
  };
  return until('every event to be delivered', async () => {
    const events = await page();
    return events.every((event) => event.delivery_state === 'DELIVERY_STATE_DELIVERED') && events;
  }, { timeoutMs: 60_000, everyMs: 200 });
}

/** What stands credited by the notifications is what the daemon's own list of deposits says. */
async function matchesTheChain(sink, client) {
  const deposits = await client.all('ListDeposits', 'deposits', { app_id: APP });
  const standing = deposits.filter((deposit) => /CONFIRMED|FINALIZED/.test(deposit.state)).map((d) => d.deposit_id).sort();
  assert.deepEqual([...sink.credited().keys()].sort(), standing);
}
