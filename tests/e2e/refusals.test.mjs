// What a gateway may get wrong, told as the contract promises: a status, an ErrorInfo, the field; and nothing stored.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NETWORK } from './lib/config.mjs';
import { explain, status } from './lib/grpc.mjs';
import { Random } from './lib/random.mjs';
import { APP, scene } from './lib/scene.mjs';

const GOOD = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
const TWO_TO_256 = (2n ** 256n).toString();

const order = (changes) => ({
  app_id: APP, order_id: 'bad-1', user_mark: 'm', address: GOOD, networks: [NETWORK], token: 'USDT',
  amount_base_units: '1000000', ...changes,
});
const decimal = (amount_decimal) => ({ amount_base_units: undefined, amount_decimal });

/** Each: what is wrong, the change to a good order, the field the answer must name. */
const WRONG = (money, sink) => [
  ['an address with one wrong case', { address: GOOD.replace('5aA', '5AA') }, 'address'],
  ['a short address', { address: GOOD.slice(0, -1) }, 'address'],
  ['a long address', { address: `${GOOD}0` }, 'address'],
  ['an address without 0x', { address: GOOD.slice(2) }, 'address'],
  ['no address', { address: '' }, 'address'],
  ['the zero address', { address: `0x${'0'.repeat(40)}` }, 'address'],
  ['the token contract itself', { address: money.token }, 'address'],
  ['a TRON address', { address: 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t' }, 'address'],
  ['a network nobody configured', { networks: ['moon'] }, 'networks'],
  ['no network', { networks: [] }, 'networks'],
  ['a network twice', { networks: [NETWORK, NETWORK] }, 'networks'],
  ['a token nobody configured', { token: 'USDC' }, 'token'],
  ['the look-alike of the token', { token: money.lookalike }, 'token'],
  ['no token', { token: '' }, 'token'],
  ['no amount', { amount_base_units: undefined }, 'amount'],
  ['amount zero', { amount_base_units: '0' }, 'amount'],
  ['a negative amount', { amount_base_units: '-1' }, 'amount'],
  ['2^256', { amount_base_units: TWO_TO_256 }, 'amount'],
  ['a leading zero', { amount_base_units: '01' }, 'amount'],
  ['an exponent', decimal('1e6'), 'amount'],
  ['a comma', decimal('1,5'), 'amount'],
  ['decimal zero', decimal('0.0'), 'amount'],
  ['seven decimals of six', decimal('1.0000001'), 'amount'],
  ['an empty order id', { order_id: '' }, 'order_id'],
  ['an order id of 65 characters', { order_id: 'x'.repeat(65) }, 'order_id'],
  ['a line end in an order id', { order_id: 'a\nb' }, 'order_id'],
  ['a NUL in a user mark', { user_mark: 'a\0b' }, 'user_mark'],
  ['a user mark of 65 characters', { user_mark: 'x'.repeat(65) }, 'user_mark'],
  ['a notify URL of another scheme', { notify_url: 'ftp://merchant.example/x' }, 'notify_url'],
  ['credentials in a notify URL', { notify_url: sink.url.replace('//', '//user:word@') }, 'notify_url'],
  ['a private address', { notify_url: 'https://10.0.0.1/x' }, 'notify_url'],
  ['cloud metadata', { notify_url: 'http://169.254.169.254/latest' }, 'notify_url'],
  ['a host the app does not allow', { notify_url: 'https://elsewhere.example/x' }, 'notify_url'],
  ['no URL at all', { notify_url: 'not a url' }, 'notify_url'],
];

test('every malformed order is refused by field, and nothing of it is stored', async (t) => {
  const { client, money, sink } = await scene(t);
  for (const [what, changes, field] of WRONG(money, sink)) {
    const told = await client.refusal('RegisterOrder', order(changes));
    assert.equal(told.code, status.INVALID_ARGUMENT, `${what}: ${told.message}`);
    assert.equal(told.domain, 'depositd', what);
    assert.match(told.reason, /^[A-Z][A-Z0-9_]{2,62}$/, what);
    assert.ok(told.fields.some((name) => name.startsWith(field)), `${what}: names ${told.fields}`);
  }
  const many = await client.refusal('RegisterOrder', order({ address: 'x', amount_base_units: '0', order_id: '' }));
  for (const field of ['address', 'amount_base_units', 'order_id']) {
    assert.ok(many.fields.includes(field), `all at once: ${field} among ${many.fields}`);
  }
  const batch = { orders: [order({ order_id: 'good' }), order({ address: 'x' })] };
  const told = await client.refusal('BatchRegisterOrders', batch);
  assert.deepEqual([told.code, told.fields], [status.INVALID_ARGUMENT, ['orders[1].address']]);
  assert.deepEqual(await client.all('ListOrders', 'orders', { app_id: APP }), []);
  assert.deepEqual(await client.all('ListAddresses', 'addresses', { app_id: APP }), []);
});

test('an order is registered once: the same again is the same, other content changes nothing', async (t) => {
  const { client } = await scene(t);
  const first = (await client.call('RegisterOrder', order({}))).order;
  assert.deepEqual((await client.call('RegisterOrder', order({}))).order, first);
  assert.deepEqual((await client.call('RegisterOrder', order({ address: GOOD.toLowerCase() }))).order, first);
  const changes = [{ amount_base_units: '1000001' }, { user_mark: 'n' }, { address: new Random(1).address() }];
  for (const change of changes) {
    const told = await client.refusal('RegisterOrder', order(change));
    assert.equal(told.code, status.ALREADY_EXISTS, told.message);
    assert.equal(told.domain, 'depositd');
  }
  const busy = await client.refusal('RegisterOrder', order({ order_id: 'second' }));
  assert.equal(busy.code, status.FAILED_PRECONDITION, 'one open order an address');
  const { order: cancelled } = await client.call('CancelOrder', { app_id: APP, order_id: 'bad-1' });
  assert.equal(cancelled.state, 'ORDER_STATE_CANCELLED');
  const reused = await client.refusal('RegisterOrder', order({ amount_base_units: '5' }));
  assert.equal(reused.code, status.ALREADY_EXISTS, 'an id is used up for ever');
  assert.deepEqual((await client.all('ListOrders', 'orders', { app_id: APP })).map((o) => o.order_id), ['bad-1']);
});

test('64 gateways at once: exactly one content wins, whoever asked for it succeeds', async (t) => {
  const { client } = await scene(t);
  const random = new Random(7);
  const addresses = [random.address(), random.address()];
  const asked = Array.from({ length: 64 }, (_, i) => order({ order_id: 'race', address: addresses[i % 2] }));
  const answers = await Promise.allSettled(asked.map((request) => client.call('RegisterOrder', request)));
  const winner = (await client.call('GetOrder', { app_id: APP, order_id: 'race' })).order;
  for (const [i, answer] of answers.entries()) {
    if (asked[i].address === winner.address) assert.deepEqual(answer.value?.order, winner);
    else assert.equal(explain(answer.reason).code, status.ALREADY_EXISTS);
  }
});
