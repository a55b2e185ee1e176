// The receivers shown in proto/README.md, in three languages, against every callback vector, as it is and with each
// thing changed that must not pass. And what the guide shows is what is tested here, byte for byte.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { changed, fresh, malformed, wires } from './lib/callbacks.mjs';
import { nodeVerdicts, pythonVerdicts } from './lib/judges.mjs';
import { phpVerdicts } from './lib/php.mjs';
import { RECEIVER_LANGUAGES, startReceiver } from './lib/receivers.mjs';
import { until } from './lib/wait.mjs';

const GUIDE = readFileSync(new URL('../../proto/README.md', import.meta.url), 'utf8');
const SOURCES = new URL('receivers/', import.meta.url);
const LANGUAGES = { python: pythonVerdicts, node: nodeVerdicts, php: phpVerdicts };
/** How many requests the vectors hold, by protocol: none may go missing unseen. */
const WIRES = { standard_webhooks: 20, crossingpay_v1: 74, crossingpay_v2: 36, udun: 6, usdtcnpay: 12 };

const count = (list, key) => list.reduce((all, each) => ({ ...all, [each[key]]: (all[each[key]] ?? 0) + 1 }), {});

test('every callback vector is here', () => {
  assert.deepEqual(count(wires(), 'module'), WIRES);
});

for (const [language, judge] of Object.entries(LANGUAGES)) {
  test(`${language}: vectors are accepted, changed ones refused, repeats booked once`, async () => {
    const asked = wires().flatMap((wire) => [...accepted(wire), ...changed(wire)]);
    const verdicts = await judge(asked.map(({ request }) => request));
    assert.equal(verdicts.length, asked.length, 'one verdict each');
    const wrong = asked
      .map(({ what, expect }, i) => [what, expect(verdicts[i]) ? '' : JSON.stringify(verdicts[i]).slice(0, 300)])
      .filter(([, verdict]) => verdict);
    assert.deepEqual(wrong, []);
    assert.ok(asked.length > 4000, `${asked.length} cases`);
  });
}

/** As it came; again; as a second attempt with a new time would be; one second before it is too old or too early. */
function accepted(wire) {
  const { id, request, event } = wire;
  const isEvent = (verdict) => ['key', 'state', 'at'].every((name) => verdict[name] === event[name]);
  const asked = (what, more, expect) => ({ what: `${id}: ${what}`, request: { ...request, ...more }, expect });
  if (event === null) return [asked('signed, and no event', {}, ({ refused }) => refused && refused !== 'sign')];
  return [
    asked('as it came', { store: id }, (verdict) => isEvent(verdict) && verdict.news === true),
    asked('again', { store: id }, (verdict) => isEvent(verdict) && verdict.news === false),
    asked('300 s late', { now: request.now + 300, store: id }, (verdict) => isEvent(verdict) && verdict.news === false),
    asked('300 s early', { now: request.now - 300, store: id }, (verdict) => isEvent(verdict) && verdict.news === false),
    asked('either of two secrets', { secrets: ['whsec_AAAA', ...request.secrets] }, isEvent),
    asked('a secret and the next one', { secrets: [...request.secrets, 'whsec_AAAA'] }, isEvent),
  ];
}

test('an attempt is not another event: the vectors that say so share their key', async () => {
  const pairs = [['v1-hmac-cb-01', 'v1-hmac-cb-19'], ['v1-sha1-cb-01', 'v1-sha1-cb-19'], ['sw-03', 'sw-04'],
    ['udun-27', 'udun-29'], ['cny-cb-01', 'cny-cb-03']];
  const all = wires();
  const asked = pairs.flatMap((pair) =>
    pair.map((vector) => ({ ...all.find((wire) => wire.vector === vector).request, store: pair[0] })));
  for (const judge of Object.values(LANGUAGES)) {
    const verdicts = await judge(asked);
    assert.deepEqual(verdicts.map(({ news }) => news), pairs.flatMap(() => [true, false]));
  }
});

test('usdtcnpay: success, fail and success again are three bookings, and an old call does not undo a new one', async () => {
  const one = wires().find(({ module }) => module === 'usdtcnpay').request;
  const call = (zt, seconds) => fresh.usdtcnpay(one, { zt }, one.now + seconds);
  const calls = [call('已确认', 0), call('已取消', 5), call('已确认', 1), call('已取消', 6), call('已确认', 9), call('已确认', 60)];
  const asked = calls.map((each) => ({ ...each, store: 'one' }));
  for (const judge of Object.values(LANGUAGES)) {
    const verdicts = await judge(asked);
    assert.deepEqual(verdicts.map(({ news }) => news), [true, true, false, false, true, false]);
  }
});

test('the published libraries accept and refuse likewise', async () => {
  const now = Math.floor(Date.now() / 1000);
  const asked = wires().filter(({ module, event }) => module === 'standard_webhooks' && event).flatMap((wire) => {
    const at = (seconds) => ({ ...fresh.standard_webhooks(wire.request, {}, now + seconds), module: 'standard_webhooks_lib' });
    const [body] = changed({ ...wire, request: at(0) }).filter(({ what }) => what.includes('body byte'));
    return [
      [at(0), true], [{ ...at(0), secrets: ['whsec_AAAA', ...wire.request.secrets] }, true],
      [at(-310), false], [at(310), false], [{ ...at(0), secrets: ['whsec_AAAA'] }, false], [body.request, false],
    ];
  });
  for (const judge of [pythonVerdicts, nodeVerdicts]) {
    const verdicts = await judge(asked.map(([request]) => request));
    assert.deepEqual(verdicts.map(({ refused }) => refused === undefined), asked.map(([, isGood]) => isGood));
  }
});

test('what the tests sign themselves is accepted', async () => {
  const asked = wires().filter(({ request, event }) => event && !(request.module === 'crossingpay_v1' && request.raw.startsWith('ey')))
    .map(({ module, request }) => fresh[module](request, {}, Math.floor(request.now) - 100));
  for (const judge of Object.values(LANGUAGES)) {
    assert.deepEqual((await judge(asked)).filter(({ refused }) => refused !== undefined), []);
  }
});

test('values of another form, and such that hold the joints of what is signed, are refused under a right sign', async () => {
  const refusals = malformed();
  for (const judge of Object.values(LANGUAGES)) {
    const verdicts = await judge(refusals);
    assert.deepEqual(verdicts, refusals.map(() => ({ refused: 'fields' })));
  }
});

for (const language of RECEIVER_LANGUAGES) {
  test(`${language}: the server answers as each protocol wants, and books once`, async (t) => {
    for (const module of Object.keys(WIRES)) await served(t, language, module);
  });
}

/** A good request twice, a spoiled one, one under a secret that is told while the server runs. */
async function served(t, language, module) {
  const wire = wires().find(({ module: each, event }) => each === module && event);
  const { headers, secrets, options } = wire.request;
  const server = await startReceiver(language, { protocol: module, secrets, options });
  t.after(() => server.stop());
  const post = async ({ headers: sent, raw }, spoil = '') => {
    const answer = await fetch(server.url, { method: 'POST', headers: sent, body: Buffer.concat([Buffer.from(raw, 'base64'), Buffer.from(spoil)]) });
    return [answer.status, await answer.text()];
  };
  const now = Math.floor(Date.now() / 1000);
  const good = fresh[module](wire.request, {}, now);
  const acknowledged = module === 'standard_webhooks' ? [204, ''] : [200, 'success'];
  assert.deepEqual(await post(good), acknowledged, `${language} ${module}`);
  assert.deepEqual(await post(fresh[module](wire.request, {}, now + 1)), acknowledged, 'again');
  assert.equal((await post(good, 'x'))[0], 401, 'spoiled');
  assert.deepEqual(await post(wire.request), [401, 'time'], 'of years ago');
  const next = { ...wire.request, secrets: ['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'] };
  assert.deepEqual(await post(fresh[module](next, {}, now)), [401, 'sign'], 'the next secret, too early');
  server.setSecrets([...next.secrets, ...secrets]);
  assert.deepEqual(await post(fresh[module](next, {}, now)), acknowledged, 'the next secret');
  assert.deepEqual(await post(good), acknowledged, 'the old secret beside it');
  assert.equal(headers['content-type'], good.headers['content-type']);
  await until('the booking', () => server.booked.length > 0);
  assert.deepEqual(server.booked.map(({ key, state }) => [key, state]), [[wire.event.key, wire.event.state]]);
}

test('the guide shows these receivers, byte for byte', () => {
  const shown = new Map([...GUIDE.matchAll(/^`([a-z]+\/[a-z0-9_]+\.[a-z]+)`.*\n\n```[a-z]+\n([^]*?)^```$/gm)]
    .map(([, path, code]) => [path, code]));
  const files = Object.keys(LANGUAGES).flatMap((language) =>
    readdirSync(new URL(language, SOURCES)).filter((name) => /^(?!cases).*\.(py|mjs|php)$/.test(name)).map((name) => `${language}/${name}`));
  assert.deepEqual([...shown.keys()].sort(), files.sort());
  for (const path of files) {
    const text = readFileSync(new URL(path, SOURCES), 'utf8');
    assert.equal(shown.get(path), text, `${path} as the guide shows it`);
    assert.ok(text.trimEnd().split('\n').length <= 50, `${path} is short`);
  }
});
