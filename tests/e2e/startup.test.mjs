// What refuses to start says so: an exit code that keeps the service manager from trying again, and a text that
// names the place and the next step.

import assert from 'node:assert/strict';
import { closeSync, cpSync, existsSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { NETWORK } from './lib/config.mjs';
import { Daemon } from './lib/daemon.mjs';
import { Random } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';

const CONFIGURATION = 78;
const STORE = 65;
/** Not for good: the other process may end. */
const IN_USE = 75;

/** A refused start: this code, these words, and no panic. */
async function refused(daemon, code, ...words) {
  const told = await daemon.refuses();
  assert.equal(told.code, code, `code ${told.code}, signal ${told.signal}: ${told.text}`);
  for (const word of words) assert.match(told.text, word);
  assert.doesNotMatch(told.text, /panicked|RUST_BACKTRACE/);
}

test('a wrong chain id, wrong decimals and an unreadable secret are refused with 78', async (t) => {
  const { daemon, node, money } = await scene(t);
  await daemon.stop();
  const endpoints = node.url;
  daemon.configure({ network: { chain_id: 1 } });
  await refused(daemon, CONFIGURATION, /chain/i, /31337/, /\b1\b/);
  daemon.configure({ network: {}, money: { ...money, decimals: 18 } });
  await refused(daemon, CONFIGURATION, /decimals/, /18/, /\b6\b/);
  const missing = join(daemon.dir, 'no-such.key');
  daemon.configure({ money, endpoints: { url: `${node.url}/{key}`, key_file: missing } });
  await refused(daemon, CONFIGURATION, /key_file/, /no-such\.key/);
  daemon.configure({ endpoints, network: { confirmatons: 3 } });
  await refused(daemon, CONFIGURATION, /confirmatons/, /depositd\.toml/, /confirmations/);
  daemon.configure({ network: {} });
  await daemon.start();
  assert.equal((await daemon.network()).network, NETWORK, 'and with everything right again it starts');
});

test('a second process on the store is refused and leaves the first alone', async (t) => {
  const { daemon, node, money, later } = await scene(t);
  const store = { dir: join(daemon.dir, 'store'), witness: join(daemon.dir, 'witness') };
  const second = await Daemon.prepare({ endpoints: node.url, money, ports: [80], store });
  later(() => second.dispose());
  await refused(second, IN_USE, /store/, /in use by/);
  await register(daemon, 'still-here');
  assert.deepEqual(await orders(daemon), ['still-here']);
});

test('a lost, an older and a damaged store are refused with 65, and say what to do', async (t) => {
  const { daemon } = await scene(t);
  const store = join(daemon.dir, 'store');
  const older = join(daemon.dir, 'older');
  const aside = join(daemon.dir, 'aside');
  await register(daemon, 'first');
  await daemon.stop();
  cpSync(store, older, { recursive: true });
  await daemon.start();
  for (let i = 0; i < 200; i++) await register(daemon, `later-${i}`);
  await daemon.stop();

  renameSync(store, aside);
  await refused(daemon, STORE, /witness/);
  rmSync(store, { recursive: true, force: true });
  renameSync(older, store);
  await refused(daemon, STORE, /witness/, /put back the newest store/);
  rmSync(store, { recursive: true });
  cpSync(aside, store, { recursive: true });
  damage(store);
  await refused(daemon, STORE, /damaged|commits are missing/, /put back/);
  rmSync(store, { recursive: true });
  renameSync(aside, store);
  await daemon.start();
  assert.equal((await orders(daemon)).length, 201, 'the right copy starts and holds everything');
});

async function register(daemon, order_id) {
  const address = new Random(order_id.length * 7919 + [...order_id].reduce((n, c) => n * 31 + c.charCodeAt(0), 7)).address();
  await daemon.client.call('RegisterOrder', {
    app_id: APP, order_id, user_mark: '', address, networks: [NETWORK], token: 'USDT', amount_base_units: '1',
  });
}

const orders = async (daemon) =>
  (await daemon.client.all('ListOrders', 'orders', { app_id: APP })).map((order) => order.order_id);

/** Overwrites most of the store's largest file. */
function damage(store) {
  const files = readdirSync(store, { recursive: true }).map((name) => join(store, name));
  const [largest] = files.filter((f) => existsSync(f) && statSync(f).isFile()).sort((a, b) => statSync(b).size - statSync(a).size);
  const { size } = statSync(largest);
  const file = openSync(largest, 'r+');
  writeSync(file, Buffer.alloc(Math.floor(size * 0.8), 0xa5), 0, undefined, Math.floor(size * 0.1));
  closeSync(file);
}
