import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export const ANSWER = [200, 'success']; // exactly this acknowledges
const NAMES = ['amount', 'appid', 'localusermark', 'orderid', 't']; // in byte order
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

function sign(told, secret, scheme) {
  if (scheme === 'sha1_kv_upper') {
    const text = NAMES.map((name) => name + told[name]).join('');
    // Or values could be cut differently.
    if (NAMES.slice(1, 4).some((name) => text.split(name).length !== 2)) throw new Error('fields');
    return createHash('sha1').update(text + secret).digest('hex').toUpperCase();
  }
  if (NAMES.some((name) => told[name].includes('&'))) throw new Error('fields'); // likewise
  const text = NAMES.map((name) => `${name}=${told[name]}`).join('&');
  return createHmac('sha256', secret).update(text).digest('hex').toUpperCase();
}

/** The event, or an Error. `scheme` is your app's; never choose it by the length of a sign. */
export function verify(headers, raw, secrets, now, { scheme = 'hmac_sha256_sorted' } = {}) {
  const isJson = (headers['content-type'] ?? '').startsWith('application/json');
  const text = raw.toString();
  const told = isJson ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
  if (`${Object.keys(told ?? {}).sort()}` !== `${[...NAMES, 'sign'].sort()}`) throw new Error('fields');
  if (Object.values(told).some((value) => typeof value !== 'string')) throw new Error('fields');
  if (!/^[0-9]+$/.test(told.amount) || !/^[0-9]{10}$/.test(told.t)) throw new Error('fields');
  const good = secrets.map((secret) => Buffer.from(sign(told, secret, scheme)));
  if (!good.some((one) => same(one, Buffer.from(told.sign)))) throw new Error('sign');
  if (Math.abs(now - Number(told.t)) > 300) throw new Error('time');
  return { key: `${told.appid} ${told.orderid}`, state: '', at: Number(told.t), told };
}
