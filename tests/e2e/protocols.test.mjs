// Every protocol end to end: orders, payments on a real node, and the callback judged by the receivers of the guide in
// Python, Node and PHP; answers that are no acknowledgement, secrets that change, and money that is taken back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeVerdicts, pythonVerdicts } from './lib/judges.mjs';
import { phpVerdicts } from './lib/php.mjs';
import { hasOneWord, MAIN_COIN, MARK, ONE, orderId, parts, protocolScene } from './lib/protocol_scene.mjs';
import { sleep, until } from './lib/wait.mjs';

/** Longest wait for a second attempt: 15 s and a tenth, and room. */
const RETRY = { timeoutMs: 40_000 };
const JUDGES = [pythonVerdicts, nodeVerdicts, phpVerdicts];
const HUNDREDTHS = '10000';

test('merchants of every protocol are told, told again, under new secrets, and of money taken back', async (t) => {
  const scene = await protocolScene(t, 3);
  await t.test('a wrong answer brings the same words again, freshly signed', () => toldAgain(scene));
  await t.test('secrets change while the daemon runs', () => rotated(scene));
  await t.test('money taken back after the acknowledgement, and put back', () => takenBack(scene));
  await t.test('money taken back before any acknowledgement', () => withdrawn(scene));
  assert.deepEqual(scene.complaints(), [], 'every request was accepted by all three receivers');
});

/** Waits until this app's front door has seen `count` requests. */
const requests = ({ app, front }, count, options) =>
  until(`request ${count} to ${app}`, () => front.requests.length >= count && front.requests.slice(), options);

/** All three have booked these, and nothing else: [key, state] in order. */
async function booked({ app, front }, wanted) {
  const seen = () => front.booked().map((events) => events.map(({ key, state }) => [key, state]));
  await until(`${app}'s bookings`, () => seen().every((events) => events.length >= wanted.length));
  assert.deepEqual(seen(), [wanted, wanted, wanted], `${app} booked`);
}

async function toldAgain(scene) {
  for (const { front, wrong } of scene.merchants) front.instead.push(wrong);
  await scene.ask(0);
  const paid = await scene.pay(0);
  await Promise.all(scene.merchants.map(async (merchant) => {
    const { app, front } = merchant;
    const [first, second] = await requests(merchant, 2, RETRY);
    const [one, two] = [first, second].map((request) => parts(request, merchant));
    assert.deepEqual(two.fixed, one.fixed, `${app}: the same words`);
    assert.notEqual(two.fresh.sign, one.fresh.sign, `${app}: another signature`);
    const seconds = (two.fresh.at - one.fresh.at) / 1000;
    assert.ok(seconds >= 3 && seconds <= 30, `${app}: a new time, ${seconds} s later`);
    for (const [i, { fresh }] of [one, two].entries()) {
      assert.ok(Math.abs(fresh.at - [first, second][i].at) < 3000, `${app}: signed when it was sent`);
    }
    if (merchant.module === 'udun') assert.notEqual(two.fresh.nonce, one.fresh.nonce);
    const { id, tx } = paid.get(app);
    says(merchant, two.told, { id, tx, round: 0 });
    await booked(merchant, [key(merchant, two.told, id)]);
    const row = await scene.row(app, `${id}_1`, 'DELIVERED');
    assert.equal(row.attempts, 2, `${app}: two attempts`);
    assert.equal(front.requests.length, 2);
  }));
}

/** What a callback must say of a payment of one token. */
function says({ app, module, addresses, ordersn }, told, { id, tx, round }) {
  const address = addresses[round];
  switch (module) {
    case 'standard_webhooks':
      assert.deepEqual([told.type, told.data.deposit_id, told.data.amount], ['deposit.confirmed', id, String(ONE)]);
      break;
    case 'udun':
      assert.deepEqual(
        [told.address, told.amount, told.decimals, told.mainCoinType, told.status, told.tradeType, told.txId],
        [address, String(ONE), '6', MAIN_COIN, 3, 1, tx],
      );
      assert.match(told.tradeId, /^[0-9]{19}$/);
      break;
    case 'usdtcnpay':
      assert.deepEqual(told, { orderNo: orderId(round), chargeNo: ordersn, amount: '1', zt: '已确认' });
      assert.match(ordersn, /^cz-[0-9a-f-]{36}$/);
      break;
    default:
      assert.deepEqual(told, { orderid: orderId(round), localusermark: MARK, amount: HUNDREDTHS, appid: app });
  }
}

/** How a receiver files a credit: [key, state]. */
function key({ app, module }, told, id) {
  if (module === 'standard_webhooks') return [`${id}_1`, ''];
  if (module === 'udun') return [told.tradeId, '3'];
  return module === 'usdtcnpay' ? [told.chargeNo, told.zt] : [`${app} ${told.orderid}`, ''];
}

async function rotated(scene) {
  for (const { app, secrets: [old, next], front } of scene.merchants) {
    front.setSecrets([next, old]);
    await scene.client.call('RotateSecret', { app_id: app, secret: next, overlap_seconds: 3600, reason: 'every year' });
  }
  const before = new Map(scene.merchants.map(({ app, front }) => [app, front.requests.length]));
  await scene.ask(1);
  scene.paid = await scene.pay(1);
  await Promise.all(scene.merchants.map(async (merchant) => {
    const { app, module, secrets: [old, next], front } = merchant;
    const request = (await requests(merchant, before.get(app) + 1)).at(-1);
    says(merchant, parts(request, merchant).told, { ...scene.paid.get(app), round: 1 });
    await scene.row(app, `${scene.paid.get(app).id}_1`, 'DELIVERED');
    const isOldGood = module === 'standard_webhooks';
    if (isOldGood) assert.match(request.headers['webhook-signature'], /^v1,[^ ,]+ v1,[^ ,]+$/, 'two signatures');
    const base = {
      module, headers: request.headers, raw: request.raw.toString('base64'), options: front.options ?? {}, now: request.at / 1000,
    };
    const cases = [[next], [old], [next, old], ['whsec_AAAA']].map((secrets) => ({ ...base, secrets }));
    for (const judge of JUDGES) {
      const why = (await judge(cases)).map(({ refused }) => refused);
      assert.deepEqual(why, [undefined, isOldGood ? undefined : 'sign', undefined, 'sign'], `${app}: new, old, both, another`);
    }
  }));
}

async function takenBack(scene) {
  const before = new Map(scene.merchants.map(({ app, front }) => [app, front.requests.length]));
  const [standard] = scene.merchants;
  const charge = scene.merchants.find(({ module }) => module === 'usdtcnpay');
  const dumb = scene.merchants.filter(hasOneWord);
  const id = ({ app }) => scene.paid.get(app).id;
  await scene.takeBack();

  const reversal = parts((await requests(standard, before.get('standard') + 1)).at(-1), standard).told;
  assert.deepEqual([reversal.type, reversal.data.reverses], ['deposit.reversed', `${id(standard)}_1`]);
  const failed = (await requests(charge, before.get('charge') + 1)).at(-1);
  assert.deepEqual([failed.path, parts(failed, charge).told.zt], ['/failed', '已取消']);
  for (const { app, ...merchant } of dumb) {
    const row = await scene.row(app, `${id({ app, ...merchant })}_2`, 'UNTOLD');
    assert.deepEqual([row.type, row.attempts], ['deposit.reversed', 0], app);
  }
  const alarm = /^depositd_events_untold (\d+)$/m.exec(await scene.daemon.page('/metrics'));
  assert.equal(Number(alarm?.[1]), dumb.length, 'the alarm counts what people have to tell');

  await scene.putBack(scene.paid);
  const again = parts((await requests(standard, before.get('standard') + 2)).at(-1), standard).told;
  assert.equal(again.data.event_id, `${id(standard)}_3`);
  const repaid = (await requests(charge, before.get('charge') + 2)).at(-1);
  assert.deepEqual([repaid.path, parts(repaid, charge).told.zt], ['/hooks', '已确认']);
  for (const merchant of dumb) await scene.row(merchant.app, `${id(merchant)}_3`, 'SILENT');
  await sleep(1000);
  for (const { app, front } of dumb) assert.equal(front.requests.length, before.get(app), `${app} is not told what it cannot be told`);

  const [first] = front0(standard);
  await booked(standard, [first, ...[1, 2, 3].map((version) => [`${id(standard)}_${version}`, ''])]);
  const { chargeNo } = parts(repaid, charge).told;
  await booked(charge, [front0(charge)[0], [chargeNo, '已确认'], [chargeNo, '已取消'], [chargeNo, '已确认']]);
}

/** What the first receiver has booked. */
const front0 = ({ front }) => front.booked()[0].map(({ key: filed, state }) => [filed, state]);

async function withdrawn(scene) {
  const dumb = scene.merchants.filter(hasOneWord);
  const before = new Map(dumb.map(({ app, front }) => [app, front.requests.length]));
  // Udun's next attempt would come in five seconds; after a 503 it waits for a minute.
  for (const { module, front } of dumb) front.instead.push([module === 'udun' ? 503 : 500, 'success']);
  await scene.ask(2, dumb);
  const paid = await scene.pay(2, dumb);
  await Promise.all(dumb.map((merchant) => requests(merchant, before.get(merchant.app) + 1)));
  await scene.takeBack();
  for (const { app } of dumb) {
    for (const version of [1, 2]) await scene.row(app, `${paid.get(app).id}_${version}`, 'SILENT');
  }
  // Longer than the second attempt would have had to wait.
  await sleep(18_000);
  for (const { app, front } of dumb) assert.equal(front.requests.length, before.get(app) + 1, `${app}: withdrawn`);
}
