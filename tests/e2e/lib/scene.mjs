// What most tests begin with: a node with money on it, a merchant, the daemon between them, and an app.

import { Anvil } from './anvil.mjs';
import { Daemon } from './daemon.mjs';
import { deployMoney } from './contracts.mjs';
import { Sink } from './sink.mjs';

export const APP = 'shop';
/** A signing secret of 32 bytes, for tests only. */
export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/**
 * Builds the scene and takes it down after test `t`, whatever happens; a failed test gets the end of the daemon's log.
 * `wire(node)` may put something between node and daemon: it returns the endpoints' URLs and an optional `stop`.
 */
export async function scene(t, { accounts, network, wire, tcp, tokens } = {}) {
  const parts = [];
  let daemon;
  t.after(async () => {
    if (daemon && process.env.E2E_LOG) process.stderr.write(`${daemon.tail(Number(process.env.E2E_LOG))}\n`);
    for (const part of parts.reverse()) await part();
  });
  const node = await Anvil.start({ accounts });
  parts.push(() => node.stop());
  const money = await deployMoney(node);
  const sink = await Sink.start({ secret: SECRET });
  parts.push(() => sink.stop());
  const wired = wire ? await wire(node) : { endpoints: node.url };
  if (wired.stop) parts.push(() => wired.stop());
  const ports = [Number(new URL(sink.url).port)];
  daemon = await Daemon.prepare({ endpoints: wired.endpoints, money, ports, network, tcp, tokens });
  parts.push(() => daemon.dispose());
  await daemon.start();
  await daemon.catchesUp(node);
  const app = { app_id: APP, notify_url: sink.url, secret: SECRET };
  await daemon.client.call('CreateApp', app);
  /** Something more to take down after the test. */
  const later = (part) => parts.push(part);
  return { node, money, sink, daemon, client: daemon.client, wired, later };
}
