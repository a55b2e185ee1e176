// A busy TRON chain and what was paid on it: full blocks of strangers' transactions with a few payments to watched
// accounts in each, forked at will. Keeps its own books of what should be on the chain.

import { decimalText, hash } from './devnet.mjs';

/** Blocks filled in one go: the node answers nobody else meanwhile. */
const FILL_AT_ONCE = 50;

export class TronStorm {
  /** On top of `head` blocks without payments; `size`: { txs, transfers } of a full block. */
  constructor(random, node, watched, { head, size }) {
    Object.assign(this, { random, node, watched, size });
    /** Payments of each block above genesis, by height - 1: lists of { tx, to, amount }. */
    this.blocks = Array.from({ length: head }, () => []);
    /** Full blocks mined, also those that lost a fork. */
    this.mined = 0;
  }

  get head() {
    return this.blocks.length;
  }

  /** Everything that is paid on the chain as it is now. */
  get paid() {
    return this.blocks.flat();
  }

  /** Mines `count` blocks of `size`, each with one to three payments. */
  async fill(count) {
    const { random, node, size: { txs, transfers } } = this;
    for (let left = count; left > 0; left -= FILL_AT_ONCE) {
      const calls = [];
      const blocks = [];
      for (let i = 0; i < Math.min(left, FILL_AT_ONCE); i++) {
        const payments = Array.from({ length: random.between(1, 3) }, () => ({
          to: random.pick(this.watched), amount: BigInt(random.between(1, 4_000_000_000)), call: -1,
        }));
        for (const payment of payments) {
          const amount = decimalText(payment.amount, node.money.decimals);
          payment.call = calls.push(['transfer', node.money.token, payment.to, amount]) - 1;
        }
        calls.push(['fill', 1, txs, transfers]);
        blocks.push(payments);
      }
      const results = await node.many(calls);
      for (const payments of blocks) {
        this.blocks.push(payments.map(({ to, amount, call }) => ({ to, amount, tx: hash(results[call]) })));
      }
    }
    this.mined += count;
  }

  /** Replaces the last `depth` blocks by one more; what they paid comes back in the last of them, or is gone. */
  async fork(depth, { drop = false } = {}) {
    const lost = this.blocks.splice(this.blocks.length - depth).flat();
    for (let i = 0; i < depth; i++) this.blocks.push([]);
    this.blocks.push(drop ? [] : lost);
    await this.node.dev('fork', depth, ...(drop ? ['drop'] : []));
  }

  /** Empty blocks. */
  async calm(count) {
    for (let i = 0; i < count; i++) this.blocks.push([]);
    await this.node.mine(count);
  }
}
