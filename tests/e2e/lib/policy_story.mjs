// An operator lowers and raises thresholds while payments come in: what a dry run says is what then is credited, and
// nothing is taken back.

import assert from 'node:assert/strict';
import { NETWORK } from './config.mjs';
import { status } from './grpc.mjs';
import { addApp, ask, cli, closeBooks, ONE, open, order, QUIET_MS, told, watch } from './money.mjs';
import { Random } from './random.mjs';
import { auditHolds } from './record_story.mjs';
import { APP } from './scene.mjs';
import { sleep, until } from './wait.mjs';

const KIOSK = 'kiosk';
const BLOCKS = 8;
/** What the file asks for, and how deep that is on either chain. */
const FILE = { evm: { confirmations: 19 }, tron: { confirmations: 'finalized' } };
const FILE_DEPTH = 19;

/** What the audit log holds of the story; reading the file again without a new rule leaves nothing. */
const ACTIONS = [
  'app.create', 'app.create', 'policy.set', 'policy.set', 'policy.set', 'policy.clear', 'policy.clear', 'policy.reload',
  'policy.set', 'policy.set',
];

const figure = ({ count, sums }) => [Number(count), sums.reduce((all, { amount }) => all + BigInt(amount), 0n)];
const figureOf = (payments) => [payments.length, payments.reduce((all, { amount }) => all + amount, 0n)];

/** The operator, the payments, and what has been credited of them. */
class Till {
  constructor(world, random) {
    /** Those that are credited some day, and those that come too often: nobody's, so in no figure. */
    Object.assign(this, { world, random, payments: [], strays: [] });
  }

  /** Registers whom the payments go to: twelve standing addresses of the shop, four of the kiosk, eight orders. */
  async register() {
    const { world: { chain, client }, random } = this;
    const fresh = (count) => Array.from({ length: count }, () => chain.address(random));
    this.shop = fresh(12);
    this.kiosk = fresh(4);
    this.orders = fresh(BLOCKS);
    const watches = [...this.shop.map((a) => watch(a)), ...this.kiosk.map((a) => watch(a, { app_id: KIOSK }))];
    await client.call('BatchWatchAddresses', { watches });
    await client.call('BatchRegisterOrders', { orders: this.orders.map((address, i) => order(`o-${i}`, address)) });
  }

  /** A block of noise with five payments: one of an order, three to the shop, one to the kiosk; sometimes an order's second. */
  async block(i) {
    const { world: { chain }, random } = this;
    const some = () => BigInt(random.between(1, 900)) * ONE + BigInt(random.between(0, 999_999));
    const made = [{ app: APP, ...(await chain.pay(this.orders[i], ONE)) }];
    for (let n = 0; n < 3; n++) made.push({ app: APP, ...(await chain.pay(random.pick(this.shop), some())) });
    made.push({ app: KIOSK, ...(await chain.pay(random.pick(this.kiosk), some())) });
    if (i % 2) this.strays.push(await chain.pay(this.orders[i - 1], ONE));
    this.mined(made, await chain.busyBlock(random));
  }

  mined(made, height) {
    this.payments.push(...made.map((payment) => ({ ...payment, height })));
  }

  /** Payments at least so deep that are not credited yet. */
  async open(depth, app) {
    const head = await this.world.node.head();
    const credited = this.world.sink.credited();
    return this.payments.filter((payment) =>
      head - payment.height + 1 >= depth && !credited.has(payment.id) && (!app || payment.app === app));
  }

  /** Waits until the daemon has read everything and told what follows. */
  async settle() {
    const { world: { node, daemon, family } } = this;
    await daemon.catchesUp(node);
    if (family === 'tron') {
      const solid = await node.solidHead();
      await until(`final ${solid}`, async () => Number((await daemon.network()).final_height) === solid);
    }
    await sleep(QUIET_MS);
  }

  /** Exactly `due` is credited beyond what was before, and nothing was taken back. */
  async credits(due, before) {
    const { sink } = this.world;
    const wanted = [...before, ...due.map(({ id }) => id)].sort();
    await until(`${due.length} more credits`, () => sink.credited().size >= wanted.length);
    await sleep(QUIET_MS);
    assert.deepEqual([...sink.credited().keys()].sort(), wanted);
    const types = new Set([...sink.events.values()].map(({ body }) => body.type));
    assert.equal(types.has('deposit.reversed'), false, 'a credit is never taken back by a rule');
  }

  get credited() {
    return [...this.world.sink.credited().keys()];
  }

  /**
   * A change: first only asked about, then made. Both figures are those of `due`, nothing follows from the question, and
   * the credits are exactly these. `change(dryRun)` returns the preview.
   */
  async change(due, change) {
    await this.settle();
    const before = this.credited;
    const asked = await change(true);
    assert.deepEqual(figure(asked.credited), figureOf(due), 'the dry run');
    assert.deepEqual(asked.credited.deposits.map((d) => d.deposit_id).sort(), due.map(({ id }) => id).sort());
    assert.equal(Number(asked.held_back.count), 0);
    await sleep(QUIET_MS);
    assert.deepEqual(this.credited, before, 'a question changes nothing');
    const made = await change(false);
    assert.deepEqual(figure(made.credited), figureOf(due), 'the act');
    await this.credits(due, before);
    return made;
  }
}

/** Gateways go on registering and asking, again if nobody answers; a refusal fails the test. */
function load({ world: { chain, client }, random }) {
  let over = false;
  const again = async (method, request) => {
    for (;;) {
      try {
        return await client.call(method, request);
      } catch (error) {
        // While the daemon restarts.
        if (over || ![status.UNAVAILABLE, status.CANCELLED].includes(error.code)) throw error;
        await sleep(10);
      }
    }
  };
  const run = async () => {
    let count = 0;
    for (; !over; count++) {
      await again('RegisterOrder', order(`load-${count}`, chain.address(random)));
      await again('ListDeposits', { app_id: APP, page_size: 50 });
      await sleep(2);
    }
    return count;
  };
  const running = run();
  // A failure is told when it is over, not as one that nobody takes.
  running.catch(() => undefined);
  return async () => {
    over = true;
    return running;
  };
}

const show = async ({ client }) => (await client.call('ShowPolicy', { network: NETWORK })).networks[0];
const rung = (policy) => policy.rungs.find(({ app_id, from }) => app_id === '' && from === '0');

/** Lowered and raised by gRPC, for one app by command, and cleared again; a restart in between. */
async function byHand(till) {
  const { world } = till;
  const { client, daemon, chain } = world;
  const set = (more, reason) => async (dry_run) =>
    (await client.call('SetPolicy', { network: NETWORK, dry_run, reason, ...more })).preview;
  const file = await show(world);
  assert.match(rung(file).origin.file, /depositd\.toml:\d+/);

  await till.change(await till.open(5), set({ confirmations: 5 }, 'less traffic'));
  assert.notEqual((await show(world)).etag, file.etag);
  const stale = await client.refusal('SetPolicy', { network: NETWORK, confirmations: 4, reason: 'late', etag: file.etag });
  assert.equal(stale.code, status.ABORTED, 'rules that have changed meanwhile are refused');

  await till.change([], set({ confirmations: 25 }, 'forks are about'));
  await chain.mine(8);
  await till.settle();
  await till.credits([], till.credited);
  const shop = await till.open(1, APP);
  assert.equal(shop.length, 4 * 4, 'four blocks of the shop wait');

  const words = [NETWORK, '--app', KIOSK, '--confirmations', '3', '--reason', 'small sums'];
  const byCommand = (dryRun) => ask(daemon, 'policy', 'set', ...words, ...(dryRun ? ['--dry-run'] : []));
  await till.change(await till.open(3, KIOSK), byCommand);
  const { stdout } = await cli(daemon, 'policy', 'show', '--origin');
  assert.match(stdout, /kiosk .*3 confirmations.*set by uid \d+ at \S+: small sums/);
  assert.match(stdout, /every .*25 confirmations.*set by uid \d+ at \S+: forks are about/);

  const before = await show(world);
  await daemon.kill();
  await daemon.start();
  await till.settle();
  assert.deepEqual(await show(world), before, 'what was set stands after a kill');
  await chain.mine(8);
  await till.settle();
  await till.credits([], till.credited);

  const due = await till.open(FILE_DEPTH);
  assert.ok(due.length > 0 && due.length < shop.length, `${due.length} are deep enough for the file`);
  const back = ['policy', 'clear', NETWORK, '--reason', 'calm again'];
  const clear = (dryRun) => ask(daemon, ...back, ...(dryRun ? ['--dry-run'] : []));
  await till.change(due, clear);
  await till.change([], async (dry_run) =>
    (await client.call('ClearPolicy', { network: NETWORK, app_id: KIOSK, dry_run, reason: 'as all' })).preview);
  const after = await show(world);
  assert.deepEqual(after.rungs, file.rungs, 'what the file says counts again');
}

/** The file is read again: a lower threshold credits; what takes a restart refuses the whole. */
async function byFile(till) {
  const { daemon } = till.world;
  const reread = async (network, text) => {
    const from = daemon.log.length;
    daemon.configure({ network: { ...daemon.settings.network, ...network } });
    daemon.child.kill('SIGHUP');
    await until(`the log to say ${text}`, () => text.test(daemon.log.slice(from)));
    return daemon.log.slice(from);
  };
  const before = till.credited;
  const due = await till.open(18);
  const [count] = figureOf(due);
  assert.ok(count > 0);
  const log = await reread({ confirmations: 18 }, /the configuration was read again: networks\.local\.confirmations/);
  await until('the log to say what is credited', () => daemon.log.includes(`credited at once: ${count} deposits`));
  await till.credits(due, before);
  assert.equal(log.includes('need a restart'), false);

  const left = await till.open(1);
  assert.ok(left.length > 0, 'some wait still');
  const refused = await reread({ confirmations: 1, window_blocks: 128 }, /need a restart/);
  assert.match(refused, /window_blocks/);
  await till.settle();
  await till.credits([], till.credited);
  assert.equal(rung(await show(till.world)).required.confirmations, 18, 'nothing of it was taken over');
  await reread({ confirmations: 18, window_blocks: 64 }, /the configuration was read again/);
}

/** Lowered between blocks that go on coming: whatever the answer names is credited, and nothing less deep is. */
async function meanwhile(till) {
  const { client, chain, sink, node } = till.world;
  for (let i = 0; i < BLOCKS; i++) {
    const payment = { app: APP, ...(await chain.pay(till.random.pick(till.shop), BigInt(1 + i))) };
    till.mined([payment], await chain.busyBlock(till.random));
  }
  const made = till.payments.slice(-BLOCKS);
  await till.settle();
  await till.credits([], till.credited);
  let over = false;
  const mining = (async () => {
    while (!over) await chain.busyBlock(till.random);
  })();
  // Some blocks, and not so many that the payments are credited without the act.
  const start = await node.head();
  await until('blocks to go on coming', async () => await node.head() > start, { everyMs: 5 });
  const { preview } = await client.call('SetPolicy', { network: NETWORK, confirmations: 4, reason: 'at full speed' });
  over = true;
  await mining;
  const named = preview.credited.deposits.map((d) => d.deposit_id);
  const sums = made.filter(({ id }) => named.includes(id));
  assert.deepEqual(figure(preview.credited), figureOf(sums), 'the figure is that of the deposits it names');
  await till.settle();
  const deep = await node.head() - 3;
  const due = made.filter(({ height }) => height <= deep).map(({ id }) => id);
  assert.ok(named.every((id) => due.includes(id)) && named.length > 0, `${named.length} are credited by the act`);
  assert.deepEqual(due.filter((id) => !sink.credited().has(id)), [], 'all that is deep enough is credited');
  for (const id of due) assert.ok(sink.events.get(`${id}_1`).body.data.confirmations >= 4);
}

/** A tier: one base unit below it a payment needs less. */
async function byAmount(till) {
  const { chain, daemon, sink } = till.world;
  const rule = ['--token', 'USDT', '--from', '1000', '--confirmations', '20', '--reason', 'large'];
  await ask(daemon, 'policy', 'set', NETWORK, ...rule);
  const small = { app: APP, ...(await chain.pay(till.shop[0], 1000n * ONE - 1n)) };
  const large = { app: APP, ...(await chain.pay(till.shop[1], 1000n * ONE)) };
  till.mined([small, large], await chain.mine());
  await chain.mine(17);
  await till.settle();
  await until('the small one', () => sink.credited().has(small.id));
  assert.equal(sink.credited().has(large.id), false, '18 of 20');
  await chain.mine();
  await till.settle();
  assert.equal(sink.credited().has(large.id), false, '19 of 20');
  await chain.mine();
  await until('the large one', () => sink.credited().has(large.id));
  assert.equal(sink.events.get(`${large.id}_1`).body.data.confirmations, 20);
}

/** The whole story on a chain of `family`. */
export async function thresholds(t, family) {
  const random = new Random();
  const world = await open(t, family, FILE[family]);
  await addApp(world, KIOSK);
  const till = new Till(world, random);
  await till.register();
  const end = load(till);
  const first = await world.node.head();
  for (let i = 0; i < BLOCKS; i++) await till.block(i);
  await till.settle();
  await till.credits([], []);
  await byHand(till);
  await byFile(till);
  await meanwhile(till);
  const calls = await end();
  await byAmount(till);
  t.diagnostic(`${till.payments.length} payments, ${calls} orders registered meanwhile`);
  const { summary } = await closeBooks(world, { paid: till.payments, apps: [APP, KIOSK], first });
  assert.equal(Number(summary.transfers_on_chain), till.payments.length + till.strays.length);
  for (const { id } of till.strays) assert.equal((await told(world, `${id}_unmatched`)).data.reason, 'duplicate');
  await auditHolds(world, ACTIONS);
}
