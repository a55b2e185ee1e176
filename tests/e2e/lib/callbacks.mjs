// The callback vectors as requests, each with what a receiver must make of it, and the ways to spoil one.

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { vectors: VECTORS } = JSON.parse(readFileSync(new URL('../../golden/vectors.json', import.meta.url), 'utf8'));

/** Scheme of the vectors → receiver, its options, and the name of the signature's place. */
const SCHEMES = {
  standard_webhooks_v1: { module: 'standard_webhooks' },
  crossingpay_v1_hmac_callback: { module: 'crossingpay_v1' },
  crossingpay_v1_sha1_callback: { module: 'crossingpay_v1', options: () => ({ scheme: 'sha1_kv_upper' }) },
  crossingpay_v2_md5_callback_a: {
    module: 'crossingpay_v2', options: ({ order }) => ({ orders: { [order.orderid]: [order.username, order.address] } }),
  },
  crossingpay_v2_md5_callback_b: { module: 'crossingpay_v2' },
  udun_envelope: { module: 'udun' },
  usdtcnpay_callback: { module: 'usdtcnpay' },
};

/** The time of a vector's attempt in seconds, and what its event must be. */
function meant(module, { inputs }) {
  switch (module) {
    case 'standard_webhooks': {
      const now = Number(inputs.timestamp);
      return { now, event: inputs.body === '' ? null : { key: inputs.id, state: '', at: now } };
    }
    case 'crossingpay_v1': {
      const { appid, orderid, t } = inputs.params;
      return { now: Number(t), event: { key: `${appid} ${orderid}`, state: '', at: Number(t) } };
    }
    case 'crossingpay_v2': {
      const { appid, orderid } = inputs.order;
      return { now: Number(inputs.t), event: { key: `${appid} ${orderid}`, state: '', at: Number(inputs.t) } };
    }
    case 'udun': {
      const { tradeId, status } = JSON.parse(inputs.body);
      const at = Number(inputs.timestamp);
      return { now: at / 1000, event: { key: tradeId, state: String(status), at } };
    }
    default: {
      const { chargeNo, zt, timestamp } = inputs.params;
      return { now: Number(timestamp), event: { key: chargeNo, state: zt, at: Number(timestamp) } };
    }
  }
}

const base64 = (text) => Buffer.from(text).toString('base64');

/** Every request of every callback vector: { id, vector, module, request, event }. */
export function wires() {
  const callbacks = VECTORS.filter(({ scheme, inputs }) =>
    SCHEMES[scheme] && (scheme !== 'udun_envelope' || inputs.kind === 'callback'));
  return callbacks.flatMap((vector) => vector.wire.map((wire, i) => {
    const { module, options } = SCHEMES[vector.scheme];
    const { now, event } = meant(module, vector);
    const request = {
      module, headers: { 'content-type': wire.content_type, ...wire.headers }, raw: base64(wire.body),
      secrets: vector.secrets, now, options: options?.(vector.inputs) ?? {},
    };
    return { id: `${vector.id}/${i}`, vector: vector.id, module, request, event };
  }));
}

const hash = (name, text) => createHash(name).update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest('hex');
const pairs = (told) => Object.keys(told).sort().map((name) => `${name}=${told[name]}`).join('&');
const parsed = ({ raw }) => JSON.parse(Buffer.from(raw, 'base64'));

/** A request made anew with other fields, at another time: what a sender who knows the first secret would send. */
export const fresh = {
  standard_webhooks: (request, fields, at) => {
    const id = request.headers['webhook-id'];
    const key = Buffer.from(request.secrets[0].slice('whsec_'.length), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${at}.`).update(Buffer.from(request.raw, 'base64')).digest('base64');
    return { ...request, headers: { ...request.headers, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${mac}` }, now: at };
  },
  crossingpay_v1: (request, fields, at) => {
    const { sign, ...old } = Object.fromEntries(new URLSearchParams(Buffer.from(request.raw, 'base64').toString()));
    const told = { ...old, t: String(at), ...fields };
    const [secret] = request.secrets;
    const made = request.options.scheme
      ? hash('sha1', Object.keys(told).sort().map((name) => name + told[name]).join('') + secret)
      : hmac(secret, pairs(told));
    return { ...request, raw: base64(String(new URLSearchParams({ ...told, sign: made.toUpperCase() }))), now: at };
  },
  crossingpay_v2: (request, fields, at) => {
    const { sign, ...old } = parsed(request);
    const told = { ...old, t: String(at), ...fields };
    const [username, address] = request.options.orders?.[told.orderid] ?? [];
    const values = [told.appid, username, told.localusermark, address, told.orderid, told.amount, told.t, request.secrets[0]];
    const made = hash('md5', values.filter((value) => value !== undefined).join('|'));
    return { ...request, raw: base64(JSON.stringify({ ...told, sign: made })), now: at };
  },
  udun: (request, fields, at) => {
    const { body } = { ...Object.fromEntries(new URLSearchParams(Buffer.from(request.raw, 'base64').toString())), ...fields };
    const [nonce, timestamp] = [fields.nonce ?? 'q0W1e2', `${Math.floor(at)}${fields.more ?? '000'}`];
    const form = { body, nonce, sign: hash('md5', body + request.secrets[0] + nonce + timestamp), timestamp };
    return { ...request, raw: base64(String(new URLSearchParams(form))), now: at };
  },
  usdtcnpay: (request, fields, at) => {
    const { sign, ...old } = parsed(request);
    const told = { ...old, timestamp: String(at), ...fields };
    return { ...request, raw: base64(JSON.stringify({ ...told, sign: hmac(request.secrets[0], pairs(told)) })), now: at };
  },
};

/** Requests with a right sign over values that could be cut elsewhere, or are no such values: refused for their fields. */
export function malformed() {
  const one = (vector) => wires().filter((wire) => wire.vector === vector).at(-1).request;
  const made = (vector, fields) => fresh[one(vector).module](one(vector), fields, one(vector).now);
  const edited = (request, from, to) => {
    const body = Buffer.from(request.raw, 'base64').toString();
    if (!body.includes(from)) throw new Error(`${body} has no ${from}`);
    return { ...request, raw: base64(body.replace(from, to)) };
  };
  /** The amount as it is written, and as a number. */
  const asNumber = ({ raw }) => {
    const [text, digits] = /"amount":"([0-9]+)"/.exec(Buffer.from(raw, 'base64').toString());
    return [text, `"amount":${digits}`];
  };
  const order = one('v2-cb-a-01');
  const piped = { ...order, options: { orders: { 'myplat-20251120-000001': ['a|b', 'T'] } } };
  const v1 = ['v1-hmac-cb-19', 'v1-sha1-cb-19'];
  const time = { 'cny-cb-01': 'timestamp' };
  const all = [...v1, 'v2-cb-a-01', 'v2-cb-b-01', 'cny-cb-01'];
  return [
    made('v1-hmac-cb-19', { localusermark: 'u&orderid=other' }),
    made('v1-hmac-cb-19', { orderid: 'o&t=1662299838' }),
    made('v1-sha1-cb-19', { localusermark: 'uorderidother' }),
    made('v1-sha1-cb-19', { orderid: 'oorderid' }),
    made('v1-sha1-cb-19', { appid: 'app1localusermarku' }),
    made('v2-cb-b-01', { localusermark: 'uid123|x' }),
    made('v2-cb-b-01', { orderid: '1|2' }),
    fresh.crossingpay_v2(piped, {}, piped.now),
    made('cny-cb-01', { orderNo: 'o&timestamp=1' }),
    ...all.flatMap((vector) => ['-1', '1e3', '', '٣', '1 '].map((amount) => made(vector, { amount }))),
    ...all.map((vector) => made(vector, { [time[vector] ?? 't']: `0${one(vector).now}` })),
    ...v1.map((vector) => edited(one(vector), 'amount=', 'x=1&amount=')),
    ...['v1-hmac-cb-01', ...all.slice(2)].flatMap((vector) => [
      edited(one(vector), '"amount":', '"x":"1","amount":'),
      edited(one(vector), ...asNumber(one(vector))),
    ]),
    edited(one('udun-26'), 'nonce=', 'x=1&nonce='),
    made('udun-26', { nonce: 'q0W1e2a' }),
    made('udun-26', { more: '0001' }),
    made('udun-26', { nonce: 'q0W1e', more: '00' }),
    made('udun-26', { body: '{"status":3}' }),
    made('udun-26', { body: '{"tradeId":1,"status":3}' }),
    made('udun-26', { body: '{"tradeId":"1"}' }),
    made('udun-26', { body: 'null' }),
    { ...one('sw-03'), headers: { ...one('sw-03').headers, 'webhook-id': 'a.b' } },
    { ...one('sw-03'), headers: { ...one('sw-03').headers, 'webhook-timestamp': ' 1763627053' } },
  ];
}

/** Up to `count` places spread over `length`, the first and the last among them. */
function places(length, count) {
  const found = Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)));
  return length === 0 ? [] : [...new Set(found)];
}

/** Where the signature stands in the body: [begin, end). */
function signAt(body, contentType) {
  const before = contentType.includes('json') ? '"sign":"' : 'sign=';
  const begin = body.indexOf(before) + before.length;
  return [begin, begin + body.slice(begin).search(/["&]|$/)];
}

const refused = ({ refused: why }) => typeof why === 'string';
const because = (reason) => ({ refused: why }) => why === reason;

/** What must be refused: { what, request, expect }. */
export function changed({ id, module, request, event }) {
  const body = Buffer.from(request.raw, 'base64').toString('latin1');
  const asked = (what, more, expect = refused) => ({ what: `${id}: ${what}`, request: { ...request, ...more }, expect });
  const withBody = (what, text, expect) => asked(what, { raw: Buffer.from(text, 'latin1').toString('base64') }, expect);
  const flip = (text, i) => text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ 1) + text.slice(i + 1);
  const cases = places(body.length, 24).map((i) => withBody(`body byte ${i}`, flip(body, i)));
  if (module === 'standard_webhooks') cases.push(...spoiledHeaders(asked, request, flip));
  else cases.push(...spoiledSign(withBody, body, signAt(body, request.headers['content-type']), flip));
  const time = event === null ? refused : because('time');
  const other = module === 'standard_webhooks' ? 'whsec_EREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREQ==' : 'another';
  cases.push(
    asked('old', { now: request.now + 301 }, time), asked('of the future', { now: request.now - 301 }, time),
    asked('another secret', { secrets: [other] }, because('sign')), asked('no secret', { secrets: [] }, because('sign')),
    ...(request.options.orders ? [asked('an order nobody knows', { options: { orders: {} } }, because('order'))] : []),
    withBody('a byte more', `${body}x`),
  );
  // The empty body of one vector is signed.
  if (body !== '') cases.push(withBody('no body', ''), withBody('null', 'null'), withBody('a list', '[]'), withBody('half of it', body.slice(0, body.length / 2)));
  return cases;
}

/** The three headers of Standard Webhooks, changed and left out. */
function spoiledHeaders(asked, { headers }, flip) {
  const put = (what, name, value) => asked(what, { headers: { ...headers, [name]: value } });
  const without = (name) => Object.fromEntries(Object.entries(headers).filter(([each]) => each !== name));
  const [first] = headers['webhook-signature'].split(' ');
  return [
    // Of two signatures one would do: change the only one.
    ...places(first.length, 8).map((i) => put(`signature byte ${i}`, 'webhook-signature', flip(first, i))),
    put('another version', 'webhook-signature', first.replace('v1,', 'v1a,')),
    put('no version', 'webhook-signature', first.slice('v1,'.length)),
    put('another id', 'webhook-id', `${headers['webhook-id']}0`),
    put('another time', 'webhook-timestamp', String(Number(headers['webhook-timestamp']) + 1)),
    put('no number', 'webhook-timestamp', `+${headers['webhook-timestamp'].slice(1)}`),
    ...['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => asked(`no ${name}`, { headers: without(name) })),
  ];
}

/** The signature inside a body, changed and left out; and each other field left out. */
function spoiledSign(withBody, body, [begin, end], flip) {
  const sign = body.slice(begin, end);
  const put = (what, text) => withBody(what, body.slice(0, begin) + text + body.slice(end));
  const isForm = !body.startsWith('{');
  const fields = isForm ? body.split('&') : Object.entries(JSON.parse(Buffer.from(body, 'latin1').toString()));
  const without = (i) => {
    const rest = fields.filter((_, at) => at !== i);
    return isForm ? rest.join('&') : Buffer.from(JSON.stringify(Object.fromEntries(rest))).toString('latin1');
  };
  const otherCase = /[A-Z]/.test(sign) ? sign.toLowerCase() : sign.toUpperCase();
  return [
    ...places(sign.length, 8).map((i) => withBody(`sign byte ${i}`, flip(body, begin + i))),
    put('sign in the other case', otherCase), put('no sign', ''), put('half a sign', sign.slice(0, sign.length / 2)),
    ...fields.map((field, i) => withBody(`without ${isForm ? field.split('=')[0] : field[0]}`, without(i))),
  ];
}
