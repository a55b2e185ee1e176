import { createHmac, timingSafeEqual } from 'node:crypto';

export const ANSWER = [204, '']; // any 2xx acknowledges
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** The event, or an Error. `secrets`: texts that begin with whsec_. */
export function verify(headers, raw, secrets, now) {
  const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signatures = '' } = headers;
  if (!/^[A-Za-z0-9_-]+$/.test(id) || !/^[0-9]{10}$/.test(at)) throw new Error('fields');
  const keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  const good = keys.map((key) => Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${at}.`).update(raw).digest('base64')}`));
  const sent = signatures.split(' ').map((signature) => Buffer.from(signature));
  if (!good.some((one) => sent.some((other) => same(one, other)))) throw new Error('sign');
  if (Math.abs(now - Number(at)) > 300) throw new Error('time');
  return { key: id, state: '', at: Number(at), told: JSON.parse(raw.toString()) };
}
