// What is left on paper: the audit log, verified by two programs, and the registrations, taken to another daemon.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NETWORK } from './config.mjs';
import { Daemon } from './daemon.mjs';
import { ask, cli, QUIET_MS } from './money.mjs';
import { python } from './python.mjs';
import { APP, SECRET } from './scene.mjs';
import { sleep, until } from './wait.mjs';

/** Both verifiers' word on a file: [did `audit verify` accept it, did the one in Python]. */
async function judged(daemon, file, ...kept) {
  const against = kept.length ? ['--against', ...kept] : [];
  const { code } = await cli(daemon, 'audit', 'verify', '--file', file, ...against);
  const theirs = await python('audit_verify.py', [file, ...kept]).then((text) => text.startsWith('ok: '), () => false);
  return [code === 0, theirs];
}

/** Every act by hand is in the log, in `actions` order; a changed byte, a cut tail and a lost record are found. */
export async function auditHolds({ daemon }, actions) {
  const file = join(daemon.dir, 'audit.jsonl');
  const { stdout } = await cli(daemon, 'audit', 'checkpoint');
  const kept = stdout.trim();
  assert.equal((await cli(daemon, 'audit', 'verify', '--against', kept)).code, 0);
  await ask(daemon, 'audit', 'export', '--file', file);
  const text = readFileSync(file, 'utf8');
  const lines = text.trimEnd().split('\n');
  const records = lines.slice(0, -1).map((line) => JSON.parse(line));
  assert.deepEqual(records.map(({ action }) => action), actions);
  for (const { actor, reason, action } of records) {
    assert.match(actor, /^(uid \d+|SIGHUP)$/);
    assert.ok(reason || action === 'app.create', `${action} says why`);
  }
  assert.deepEqual(await judged(daemon, file, kept), [true, true]);
  const spoiled = join(daemon.dir, 'spoiled.jsonl');
  const [digit] = /"number":\d/.exec(lines[1]);
  const changes = [
    text.replace('"reason":"', '"reason":"!'),
    text.replace(digit, '"number":9'),
    [...lines.slice(0, 1), ...lines.slice(2), ''].join('\n'),
    `${lines.slice(0, -1).join('\n')}\n`,
  ];
  for (const [i, changed] of changes.entries()) {
    assert.notEqual(changed, text);
    writeFileSync(spoiled, changed);
    assert.deepEqual(await judged(daemon, spoiled), [false, false], `change ${i}`);
  }
}

/** States that follow from deposits, which stay where they are: the order itself waits. */
const DERIVED = /_(SEEN|CONFIRMING|MISMATCHED)$/;

/** The orders and addresses of an app. */
async function counts(client, app_id) {
  const orders = await client.all('ListOrders', 'orders', { app_id });
  const addresses = await client.all('ListAddresses', 'addresses', { app_id });
  const state = (each) => each.state.replace(DERIVED, '_OPEN');
  return [
    orders.map((each) => [each.order_id, state(each), each.amount, each.paid_by]),
    addresses.map((each) => [each.network, each.address, each.user_mark, each.standing_from, each.open_order_id]),
  ];
}

/**
 * The registrations appear in an empty daemon as they are here; a second import writes nothing. `world.left`: payments to
 * an address that has another owner by now.
 */
export async function movesHouse(world, apps) {
  const { daemon, node, sink, client, later } = world;
  const file = join(daemon.dir, 'registrations.jsonl');
  const { records } = await ask(daemon, 'export', '--file', file);
  const { endpoints, money, ports, family, network } = daemon.settings;
  const other = await Daemon.start({ endpoints, money, ports, family, network: { ...network, start: 0 } });
  later(() => other.dispose());
  await other.catchesUp(node);
  const into = ['import', '--file', file];
  const missing = await cli(other, ...into, '--reason', 'moved');
  assert.equal(missing.code, 3, 'an app is created first, with its secret');
  assert.match(missing.stderr, new RegExp(APP));
  for (const app_id of apps) await other.client.call('CreateApp', { app_id, notify_url: sink.url, secret: SECRET });
  const asked = await ask(other, ...into, '--dry-run');
  assert.deepEqual([asked.records, asked.not_taken, asked.dry_run], [records, 0, true]);
  assert.deepEqual((await counts(other.client, APP)).map((rows) => rows.length), [0, 0], 'a question changes nothing');
  const first = await ask(other, ...into, '--reason', 'moved');
  assert.deepEqual([first.records, first.written + first.unchanged, first.not_taken], [records, records, 0]);
  assert.equal(first.unchanged, apps.length, 'the apps were there');
  const again = await ask(other, ...into, '--reason', 'moved again');
  assert.deepEqual([again.written, again.unchanged], [0, records]);
  for (const app of apps) assert.deepEqual(await counts(other.client, app), await counts(client, app), `app ${app}`);
  // The merchant begins anew too.
  sink.events.clear();
  await readsAgain({ ...world, other }, apps);
}

/** The past read again there credits what stands credited here, under the same names and to the same orders. */
async function readsAgain({ client, node, other, sink, left = [] }, apps) {
  const range = ['--from', '0', '--to', String(await node.head())];
  const { code, stderr } = await cli(other, 'network', 'rescan', NETWORK, ...range, '--reason', 'moved', '--wait');
  assert.equal(code, 0, stderr);
  for (const app of apps) {
    const credited = async (from) => (await from.all('ListDeposits', 'deposits', { app_id: app }))
      .filter(({ deposit_id: id, state }) => /_(CONFIRMED|FINALIZED)$/.test(state) && !left.includes(id))
      .map((each) => [each.deposit_id, each.amount, each.order_id, each.user_mark]).sort();
    const wanted = await credited(client);
    await until(`${wanted.length} credits of ${app}`, async () => (await credited(other.client)).length >= wanted.length);
    assert.deepEqual(await credited(other.client), wanted);
  }
  await sleep(QUIET_MS);
  assert.deepEqual(sink.complaints, []);
}

/** What the story of acts by hand leaves in the log. */
export const HAND_ACTIONS = [
  'app.create', 'app.create', 'deposit.hold', 'deposit.bind', 'deposit.release', 'address.release',
];
