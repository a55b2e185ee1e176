import { createHash, timingSafeEqual } from 'node:crypto';

export const ANSWER = [200, 'success']; // 200 acknowledges, with any text
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** The event, or an Error. */
export function verify(headers, raw, secrets, now) {
  const form = Object.fromEntries(new URLSearchParams(raw.toString()));
  if (`${Object.keys(form).sort()}` !== 'body,nonce,sign,timestamp') throw new Error('fields');
  const { body, nonce, timestamp: at } = form;
  // Their lengths are fixed, or the text could be cut differently.
  if (!/^[A-Za-z0-9]{6}$/.test(nonce) || !/^[0-9]{13}$/.test(at)) throw new Error('fields');
  const good = secrets.map((key) => createHash('md5').update(body + key + nonce + at).digest('hex'));
  if (!good.some((one) => same(Buffer.from(one), Buffer.from(form.sign)))) throw new Error('sign');
  if (Math.abs(now * 1000 - Number(at)) > 300_000) throw new Error('time');
  const told = JSON.parse(body);
  if (typeof told?.tradeId !== 'string' || !('status' in told)) throw new Error('fields');
  return { key: told.tradeId, state: String(told.status), at: Number(at), told };
}
