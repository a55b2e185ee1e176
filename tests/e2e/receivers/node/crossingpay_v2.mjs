import { createHash, timingSafeEqual } from 'node:crypto';

export const ANSWER = [200, 'success']; // exactly this acknowledges
const NAMES = ['amount', 'appid', 'localusermark', 'orderid', 'sign', 't'];
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

/** The event, or an Error. `orders`: order id to [username, address] as registered, for option A; none: option B. */
export function verify(headers, raw, secrets, now, { orders } = {}) {
  const told = JSON.parse(raw.toString());
  if (`${Object.keys(told ?? {}).sort()}` !== `${NAMES}`) throw new Error('fields');
  if (Object.values(told).some((value) => typeof value !== 'string')) throw new Error('fields');
  if (!/^[0-9]+$/.test(told.amount) || !/^[0-9]{10}$/.test(told.t)) throw new Error('fields');
  const values = [told.appid, told.localusermark, told.orderid, told.amount, told.t];
  if (orders) {
    if (!Object.hasOwn(orders, told.orderid)) throw new Error('order');
    const [username, address] = orders[told.orderid];
    values.splice(1, 1, username, told.localusermark, address);
  }
  if (values.some((value) => value.includes('|'))) throw new Error('fields'); // or values could be cut differently
  const good = secrets.map((secret) => createHash('md5').update([...values, secret].join('|')).digest('hex'));
  if (!good.some((one) => same(Buffer.from(one), Buffer.from(told.sign)))) throw new Error('sign');
  if (Math.abs(now - Number(told.t)) > 300) throw new Error('time');
  return { key: `${told.appid} ${told.orderid}`, state: '', at: Number(told.t), told };
}
