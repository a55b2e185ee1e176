// The contract as another language sees it: stubs by grpcio-tools, health, reflection, error details.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { NETWORK } from './lib/config.mjs';
import { freePort } from './lib/anvil.mjs';
import { Client, explain, PROTO, status } from './lib/grpc.mjs';
import { python } from './lib/python.mjs';
import { APP, scene } from './lib/scene.mjs';

test('a Python gateway registers, repeats, lists and is refused', async (t) => {
  const { daemon } = await scene(t);
  const address = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';
  const said = JSON.parse(await python('client.py', [PROTO, daemon.socket, APP, NETWORK, 'USDT', address]));
  assert.equal(said.amount, '12500000');
  assert.equal(said.display_amount, '12.500000');
  assert.equal(said.same_again, true);
  assert.deepEqual(said.listed, ['python-1']);
  assert.equal(said.refusal.code, 'ALREADY_EXISTS');
  assert.equal(said.refusal.domain, 'depositd');
  assert.match(said.refusal.reason, /^[A-Z][A-Z0-9_]{2,62}$/);
  assert.equal(said.health, 'SERVING');
  for (const service of ['AddressService', 'AppService', 'DepositService', 'NetworkService', 'OrderService']) {
    assert.ok(said.services.includes(`depositd.v1.${service}`), `reflection names ${service}`);
  }
});

test('over TCP only a known token opens the door, and only as far as its scopes', async (t) => {
  const tcp = `127.0.0.1:${await freePort()}`;
  const sha256 = createHash('sha256').update('read-only token').digest('hex');
  await scene(t, { tcp, tokens: [{ name: 'reader', sha256, scopes: ['read'] }] });
  const ask = async (token, method, request) => {
    const client = new Client(tcp, { token });
    try {
      await client.call(method, request);
      return status.OK;
    } catch (error) {
      assert.equal(explain(error).domain, 'depositd', 'every refusal carries ErrorInfo');
      return error.code;
    } finally {
      client.close();
    }
  };
  assert.equal(await ask('read-only token', 'ListNetworks', {}), status.OK);
  assert.equal(await ask(undefined, 'ListNetworks', {}), status.UNAUTHENTICATED);
  assert.equal(await ask('another token', 'ListNetworks', {}), status.UNAUTHENTICATED);
  assert.equal(await ask('read-only token', 'CreateApp', { app_id: 'x' }), status.PERMISSION_DENIED);
});
