// What the test of protocols begins with: a chain that Udun has a number for, one app per protocol and switch, and behind
// each of them the receivers of the guide in three languages.

import { Anvil } from './anvil.mjs';
import { NETWORK } from './config.mjs';
import { deployMoney, transfer } from './contracts.mjs';
import { Daemon } from './daemon.mjs';
import { Front } from './front.mjs';
import { depositId } from './oracle.mjs';
import { Random } from './random.mjs';
import { until } from './wait.mjs';

/** Ethereum's, whose main coin is 60 in Udun. */
const CHAIN_ID = 1;
export const MAIN_COIN = '60';
/** One token, in base units. */
export const ONE = 1_000_000n;
const MARK = '用户 7/é+%';

const whsec = (byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const texts = (name) => [`first secret of ${name} ☂`, `second secret of ${name}`];

/** Each app: how it is created, its receivers, two secrets, and an answer that is no acknowledgement. */
const MERCHANTS = [
  { app: 'standard', module: 'standard_webhooks', protocol: 'STANDARD_WEBHOOKS', secrets: [whsec(1), whsec(2)], wrong: [500, 'success'] },
  {
    app: 'first-hmac', module: 'crossingpay_v1', protocol: 'CROSSINGPAY_V1', wrong: [200, 'SUCCESS\n'],
    switches: { v1_scheme: 'V1_SCHEME_HMAC_SHA256_SORTED', v1_format: 'V1_FORMAT_FORM' },
  },
  {
    app: 'first-sha', module: 'crossingpay_v1', protocol: 'CROSSINGPAY_V1', wrong: [200, 'ok'],
    switches: { v1_scheme: 'V1_SCHEME_SHA1_KV_UPPER', v1_format: 'V1_FORMAT_JSON' }, options: { scheme: 'sha1_kv_upper' },
  },
  { app: 'second-a', module: 'crossingpay_v2', protocol: 'CROSSINGPAY_V2', wrong: [500, 'success'], switches: { v2_sign: 'V2_SIGN_A' }, looksUp: true },
  { app: 'second-b', module: 'crossingpay_v2', protocol: 'CROSSINGPAY_V2', wrong: [201, 'success'], switches: { v2_sign: 'V2_SIGN_B' } },
  { app: 'udun', module: 'udun', protocol: 'UDUN', wrong: [500, 'success'] },
  { app: 'charge', module: 'usdtcnpay', protocol: 'USDTCNPAY', wrong: [204, ''] },
];
/** What an order is called in round `round`. */
export const orderId = (round) => `№ ${round}`;
const username = (round) => `name ${round}`;

/** Protocols that know "paid" and nothing else. */
export const hasOneWord = ({ module }) => module.startsWith('crossingpay') || module === 'udun';

/** Node, daemon, and the apps with their receivers; taken down after test `t`. `rounds`: payments each app will get. */
export async function protocolScene(t, rounds) {
  const parts = [];
  t.after(async () => {
    for (const part of parts.reverse()) await part();
  });
  const node = await Anvil.start({ chainId: CHAIN_ID });
  parts.push(() => node.stop());
  const money = await deployMoney(node);
  const random = new Random(5);
  const merchants = await Promise.all(MERCHANTS.map((each) => open(each, rounds, random)));
  parts.push(() => Promise.all(merchants.map(({ front }) => front.stop())));
  const ports = merchants.map(({ front }) => front.port);
  const daemon = await Daemon.prepare({ endpoints: node.url, money, ports, network: { chain_id: CHAIN_ID } });
  parts.push(() => daemon.dispose());
  await daemon.start();
  await daemon.catchesUp(node);
  for (const { app, protocol, switches, secrets: [secret], front } of merchants) {
    await daemon.client.call('CreateApp', {
      app_id: app, notify_url: front.url, secret, protocol: `PROTOCOL_${protocol}`, protocol_options: switches,
    });
  }
  return new Scene({ node, money, daemon, merchants });
}

async function open(merchant, rounds, random) {
  const secrets = merchant.secrets ?? texts(merchant.app);
  const addresses = Array.from({ length: rounds }, () => random.address().toLowerCase());
  const known = addresses.map((address, round) => [orderId(round), [username(round), address]]);
  const options = merchant.looksUp ? { orders: Object.fromEntries(known) } : merchant.options;
  const front = await Front.start(merchant.module, [secrets[0]], options);
  return { ...merchant, secrets, addresses, front };
}

class Scene {
  constructor(parts) {
    Object.assign(this, parts);
  }

  get client() {
    return this.daemon.client;
  }

  /** Registers what is asked of round `round` for each of these apps. */
  async ask(round, merchants = this.merchants) {
    for (const merchant of merchants) {
      const { app: app_id, module, addresses, front } = merchant;
      const common = { app_id, address: addresses[round], networks: [NETWORK], user_mark: MARK };
      if (module === 'udun') {
        await this.client.call('WatchAddress', common);
        continue;
      }
      const { order } = await this.client.call('RegisterOrder', {
        ...common, order_id: orderId(round), username: username(round), token: 'USDT', amount_base_units: String(ONE),
        fail_url: module === 'usdtcnpay' ? front.url.replace('/hooks', '/failed') : '',
      });
      merchant.ordersn = order.ordersn;
    }
  }

  /** Pays one token to each app's address of that round, all in the next block, three deep: app → { id, tx, raw }. */
  async pay(round, merchants = this.merchants) {
    const paid = new Map();
    for (const { app, addresses } of merchants) {
      const tx = await this.node.send({ from: this.money.owner, to: this.money.token, data: transfer(addresses[round], ONE) });
      paid.set(app, { tx, id: depositId(NETWORK, tx, this.money.token, 0), raw: await this.node.raw(tx) });
    }
    this.payBlock = await this.node.mine();
    await this.deepen();
    return paid;
  }

  async deepen() {
    await this.node.mine(3);
    await this.daemon.catchesUp(this.node);
  }

  /** Takes the block of the last payments and all above it away. */
  async takeBack() {
    await this.node.reorg((await this.node.head()) - this.payBlock + 1);
    await this.node.mine();
    await this.daemon.catchesUp(this.node);
  }

  /** Puts those payments back. */
  async putBack(paid) {
    for (const { raw } of paid.values()) await this.node.rpc('eth_sendRawTransaction', raw);
    this.payBlock = await this.node.mine();
    await this.deepen();
  }

  /** The feed's row of an event, once its state is `state`. */
  row(app_id, event_id, state) {
    return until(`${app_id} ${event_id} ${state}`, async () => {
      const { events } = await this.client.call('ListEvents', { app_id, page_size: 1000 });
      const row = events.find((each) => each.event_id === event_id);
      if (row && row.delivery_state !== `DELIVERY_STATE_${state}`) throw new Error(`it is ${row.delivery_state}`);
      return row;
    }, { timeoutMs: 30_000 });
  }

  complaints() {
    return this.merchants.flatMap(({ app, front }) => front.complaints.map((text) => `${app}: ${text}`));
  }
}

/** What a request says, and when and how it was signed: { told, fresh, fixed }. */
export function parts({ headers, raw }, { module }) {
  const text = raw.toString();
  const ids = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-depositd-')));
  if (module === 'standard_webhooks') {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': sign } = headers;
    return { told: JSON.parse(text), fresh: { at: Number(at) * 1000, sign }, fixed: { id, text } };
  }
  const form = headers['content-type'].startsWith('application/json') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
  const { sign, t, timestamp, nonce, ...rest } = form;
  const at = Number(t ?? timestamp) * (module === 'udun' ? 1 : 1000);
  const told = module === 'udun' ? JSON.parse(rest.body) : rest;
  return { told, fresh: { at, sign, nonce }, fixed: { ...rest, ...ids, type: headers['content-type'], names: Object.keys(form).join() } };
}

export { MARK };
