// A hundred SIGKILLs while eight gateways register orders: whatever was answered is there afterwards, as answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NETWORK } from './lib/config.mjs';
import { Client, explain, status } from './lib/grpc.mjs';
import { Random, SEED } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';
import { sleep } from './lib/wait.mjs';

const KILLS = Number(process.env.E2E_KILLS ?? 100);
const GATEWAYS = 8;
/** Not an answer: the order may or may not be stored, so the gateway asks again. */
const UNKNOWN = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED];
/** What grpc-js makes of a connection that breaks under a call; from the daemon itself these would be a failure. */
const BROKEN = [status.CANCELLED, status.UNKNOWN, status.INTERNAL];

/** One gateway: registers order after order, repeating each until it is answered. */
async function gateway(number, { socket, random, answered, done }) {
  const client = new Client(socket);
  try {
    for (let i = 0; !done(); i++) {
      const request = {
        app_id: APP, order_id: `g${number}-${i}`, user_mark: `user ${number}`, address: random.address(),
        networks: [NETWORK], token: 'USDT', amount_base_units: String(random.between(1, 10 ** 9)),
      };
      const order = await ask(client, request, done);
      if (order) answered.set(order.order_id, order);
      await sleep(random.between(0, 10));
    }
  } finally {
    client.close();
  }
}

async function ask(client, request, done) {
  while (!done()) {
    try {
      return (await client.call('RegisterOrder', request, { timeoutMs: 2000 })).order;
    } catch (error) {
      const isBroken = BROKEN.includes(error.code) && explain(error).domain === '';
      if (!isBroken && !UNKNOWN.includes(error.code)) throw error;
      await sleep(5);
    }
  }
  return undefined;
}

test(`${KILLS} kills lose no answered registration (E2E_SEED=${SEED})`, async (t) => {
  const random = new Random();
  const { daemon, client } = await scene(t);
  const answered = new Map();
  let over = false;
  const shared = { socket: daemon.socket, answered, done: () => over };
  const gateways = Array.from({ length: GATEWAYS }, (_, i) =>
    gateway(i, { ...shared, random: new Random(SEED + i + 1) }));
  const failed = Promise.all(gateways).then(() => new Promise(() => {}));

  let fruitful = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const before = answered.size;
    await Promise.race([sleep(random.between(10, 250)), failed]);
    await daemon.kill();
    fruitful += answered.size > before ? 1 : 0;
    await daemon.start();
    if (kill % 10 === 9) await allThere(client, new Map(answered));
  }
  over = true;
  await Promise.all(gateways);
  await allThere(client, answered);
  t.diagnostic(`${answered.size} registrations answered, ${fruitful} of ${KILLS} kills came after new answers`);
  assert.ok(fruitful > KILLS / 2, 'most kills hit a daemon that had just answered');
});

/** Every answered order is listed exactly as it was answered. */
async function allThere(client, answered) {
  const listed = new Map((await client.all('ListOrders', 'orders', { app_id: APP })).map((o) => [o.order_id, o]));
  for (const [id, order] of answered) assert.deepEqual(listed.get(id), order, id);
}
