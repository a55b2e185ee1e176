// Two endpoints, one of them lying in every way we know: nothing is missed, nothing false is told, and the log names
// the liar.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batch, transfer } from './lib/contracts.mjs';
import { NETWORK } from './lib/config.mjs';
import { Liar, LIES } from './lib/liar.mjs';
import { expectedCredits } from './lib/oracle.mjs';
import { Random } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';
import { until } from './lib/wait.mjs';

const CONFIRMATIONS = 3;
/** A replica that is a few blocks behind is no liar: it need not be named. */
const HARMLESS = ['none', 'staleHead'];
/** Endpoints are identified when they are first asked. */
const TOLD_AT_START = ['otherChain'];

test('a lying endpoint beside an honest one changes nothing', async (t) => {
  const wire = async (node) => {
    const liar = await Liar.start(node.url);
    return { endpoints: [liar.url, node.url], liar, stop: () => liar.stop() };
  };
  const network = { confirmations: CONFIRMATIONS, start: 0 };
  const { node, money, sink, daemon, client, wired } = await scene(t, { network, wire });
  const random = new Random(3);
  const address = random.address();
  const { addresses } = await client.call('WatchAddress', { app_id: APP, user_mark: 'u', address, networks: [NETWORK] });
  const watched = new Map([[address, Number(addresses[0].standing_from)]]);

  for (const lie of Object.keys(LIES)) {
    await daemon.kill();
    const log = daemon.log.length;
    if (TOLD_AT_START.includes(lie)) wired.liar.tell(lie);
    await daemon.start();
    await daemon.catchesUp(node);
    wired.liar.tell(lie);
    wired.liar.told = 0;
    for (let i = 0; i < 3; i++) await pay(node, money, address, random);
    await node.mine(CONFIRMATIONS);
    // While doubt lasts the daemon may wait; it must not believe.
    await daemon.catchesUp(node, { timeoutMs: 3000 }).catch(() => {});
    if (lie !== 'none' && !TOLD_AT_START.includes(lie)) assert.ok(wired.liar.told > 0, `${lie} was told`);
    if (!HARMLESS.includes(lie)) {
      const lines = daemon.log.slice(log).split('\n').filter((line) => line.includes('WARN'));
      assert.ok(lines.some((line) => line.includes('node-1')), `${lie}: the log names node-1\n${lines.join('\n')}`);
    }
    wired.liar.tell('none');
  }
  await daemon.kill();
  await daemon.start();
  await daemon.catchesUp(node);

  const { credits } = await expectedCredits(node, {
    network: NETWORK, token: money.token, watched, confirmations: CONFIRMATIONS,
  });
  assert.equal(credits.size, Object.keys(LIES).length * 9);
  await until('every notification', () => sink.credited().size >= credits.size);
  assert.deepEqual([...sink.credited().keys()].sort(), [...credits.keys()].sort());
  assert.equal(sink.events.size, credits.size, 'one event a payment, none taken back, none invented');
  assert.deepEqual(sink.complaints, []);
});

/** One block: a plain payment, and two more in one transaction beside strangers'. */
async function pay(node, { owner, token, batcher }, to, random) {
  const some = () => random.between(1, 1000);
  const stranger = { to: random.address(), value: 1 };
  await node.send({ from: owner, to: token, data: transfer(to, some()) });
  await node.send({ from: node.accounts[1], to: batcher, data: batch(token, [{ to, value: some() }, stranger, { to, value: some() }]) });
  await node.mine();
}
