import { createHmac, timingSafeEqual } from 'node:crypto';

export const ANSWER = [200, 'success']; // 200 acknowledges, with any text
const NAMES = ['amount', 'chargeNo', 'orderNo', 'timestamp', 'zt']; // in byte order
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** The event, or an Error. One function for both URLs: `zt` says which it is. */
export function verify(headers, raw, secrets, now) {
  const told = JSON.parse(raw.toString());
  if (`${Object.keys(told ?? {}).sort()}` !== `${[...NAMES, 'sign'].sort()}`) throw new Error('fields');
  if (Object.values(told).some((value) => typeof value !== 'string')) throw new Error('fields');
  if (NAMES.some((name) => told[name].includes('&'))) throw new Error('fields');
  if (!/^[0-9]+(\.[0-9]+)?$/.test(told.amount) || !/^[0-9]{10}$/.test(told.timestamp)) throw new Error('fields');
  const text = NAMES.map((name) => `${name}=${told[name]}`).join('&');
  const good = secrets.map((secret) => createHmac('sha256', secret).update(text).digest('hex'));
  if (!good.some((one) => same(Buffer.from(one), Buffer.from(told.sign)))) throw new Error('sign');
  if (Math.abs(now - Number(told.timestamp)) > 300) throw new Error('time');
  return { key: told.chargeNo, state: told.zt, at: Number(told.timestamp), told };
}
