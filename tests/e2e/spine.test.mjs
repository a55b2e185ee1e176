// An order over gRPC, a payment on a real node, confirmations, and a notification that two published verifiers,
// neither of them ours, accept, and refuse once anything about it is changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { transfer } from './lib/contracts.mjs';
import { depositId } from './lib/oracle.mjs';
import { verdicts } from './lib/python.mjs';
import { NETWORK } from './lib/config.mjs';
import { APP, scene, SECRET } from './lib/scene.mjs';
import { sleep, until } from './lib/wait.mjs';

const PAYEE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

test('a paid order is told once, signed, at its third confirmation', async (t) => {
  const { node, money, sink, daemon, client } = await scene(t, { network: { confirmations: 3 } });
  const { order } = await client.call('RegisterOrder', {
    app_id: APP, order_id: 'A-1', user_mark: 'user 7', address: PAYEE, networks: [NETWORK], token: 'USDT',
    amount_decimal: '10.5',
  });
  assert.equal(order.amount, '10500000');
  assert.equal(order.state, 'ORDER_STATE_OPEN');
  assert.equal(Number(order.lines[0].effective_from), (await node.head()) + 1);

  const tx = await node.send({ from: money.owner, to: money.token, data: transfer(PAYEE, 10_500_000) });
  await node.mine(2);
  await daemon.catchesUp(node);
  await sleep(300);
  assert.equal(sink.events.size, 0, 'two of three confirmations: nothing is told');
  await node.mine();
  const [[id, event]] = await until('the notification', () => sink.events.size && [...sink.events]);

  const deposit = depositId(NETWORK, tx, money.token, 0);
  assert.equal(id, `${deposit}_1`);
  const { type, data } = event.body;
  assert.equal(type, 'deposit.confirmed');
  assert.deepEqual(data.token, { contract: money.token, symbol: 'USDT', decimals: 6 });
  const { order: told } = data;
  assert.deepEqual(
    [data.amount, data.amount_decimal, data.confirmations, data.tx_hash, data.log_ordinal, data.address, data.reason],
    ['10500000', '10.500000', 3, tx, 0, PAYEE.toLowerCase(), 'matched'],
  );
  assert.deepEqual([told.order_id, told.expected_amount], ['A-1', '10500000']);

  const paid = await client.call('GetOrder', { app_id: APP, order_id: 'A-1' });
  assert.deepEqual([paid.order.state, paid.order.paid_by], ['ORDER_STATE_PAID', deposit]);
  const listed = await client.all('ListDeposits', 'deposits', { app_id: APP });
  assert.deepEqual(listed.map((d) => [d.deposit_id, d.state, d.version]), [[deposit, 'DEPOSIT_STATE_CONFIRMED', 1]]);

  await verifiersAgree(sink.requests[0]);
  assert.deepEqual(sink.complaints, []);
  await node.mine(10);
  await daemon.catchesUp(node);
  await sleep(300);
  assert.equal(sink.requests.length, 1, 'told once');
  assert.equal((await daemon.stop()).code, 0, 'an ordered stop ends with 0');
});

/** npm's and PyPI's verifier accept the request as it came, and refuse each change. */
async function verifiersAgree({ headers, text }) {
  const old = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 301) };
  const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  const cases = [
    { secret: SECRET, headers, text, good: true },
    { secret: SECRET, headers, text: text.replace('10500000', '10500001') },
    { secret: SECRET, headers, text: `${text} ` },
    { secret: SECRET, headers: old, text },
    { secret: SECRET, headers: { ...headers, 'webhook-id': `${headers['webhook-id']}0` }, text },
    { secret: other, headers, text },
  ];
  const fromPython = await verdicts(cases.map(({ secret, headers: h, text: body }) => ({ secret, headers: h, text: body })));
  for (const [i, each] of cases.entries()) {
    const judge = () => new Webhook(each.secret).verify(each.text, each.headers);
    if (each.good) {
      judge();
      assert.equal(fromPython[i], 'ok');
    } else {
      assert.throws(judge, undefined, `npm accepts case ${i}`);
      assert.match(fromPython[i], /^refused: /, `PyPI accepts case ${i}`);
    }
  }
}
