// What the TRON tests begin with: the simulated network, a merchant, the daemon between them, and an app.

import { Daemon } from './daemon.mjs';
import { Devnet } from './devnet.mjs';
import { APP, SECRET } from './scene.mjs';
import { Sink } from './sink.mjs';
import { addressText } from './tron.mjs';
import { until } from './wait.mjs';

/**
 * Builds the scene and takes it down after test `t`, whatever happens. `wire(node)` may put something between node
 * and daemon: it returns the endpoints' URLs or tables and an optional `stop`. `start: false` leaves the daemon down.
 */
export async function tronScene(t, { network, wire, twoPorts, blocks, start = true } = {}) {
  const parts = [];
  let daemon;
  t.after(async () => {
    if (daemon && process.env.E2E_LOG) process.stderr.write(`${daemon.tail(Number(process.env.E2E_LOG))}\n`);
    for (const part of parts.reverse()) await part();
  });
  const node = await Devnet.start({ twoPorts, blocks });
  parts.push(() => node.stop());
  const sink = await Sink.start({ secret: SECRET });
  parts.push(() => sink.stop());
  const wired = wire ? await wire(node) : { endpoints: node.url };
  if (wired.stop) parts.push(() => wired.stop());
  const ports = [Number(new URL(sink.url).port)];
  daemon = await Daemon.prepare({
    endpoints: wired.endpoints, money: node.money, ports, family: 'tron',
    network: { chain_id: node.chainId, genesis: node.genesis, ...network },
  });
  parts.push(() => daemon.dispose());
  if (start) await daemon.start();
  /** Creates the app, once the network has been read. */
  const enrol = async () => {
    await until('the first block', async () => (await daemon.network()).cursor);
    await daemon.client.call('CreateApp', { app_id: APP, notify_url: sink.url, secret: SECRET });
  };
  if (start) await enrol();
  /** Something more to take down after the test. */
  const later = (part) => parts.push(part);
  return { node, sink, daemon, enrol, get client() { return daemon.client; }, wired, later };
}

/** A fresh account nobody has used. */
export const account = (random) => addressText(random.address());
