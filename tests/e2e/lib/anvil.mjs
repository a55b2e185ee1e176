// A real EVM node: anvil, mined by hand, so that a test decides what is in which block.
// Every test starts its own on a free loopback port and stops it by its process id.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { end, own } from './children.mjs';
import { until } from './wait.mjs';

/** Genesis time shared by all nodes of a run: equal times give equal genesis hashes. */
export const GENESIS_TIME = 1_700_000_000;
export const CHAIN_ID = 31337;

const hex = (number) => `0x${number.toString(16)}`;

/** The executable inside the npm package of this platform. */
const BINARY = createRequire(import.meta.url).resolve('@foundry-rs/anvil-linux-amd64/bin/anvil');

/** A loopback port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

let nextId = 1;

/** One JSON-RPC call. A JSON-RPC error is thrown with its code. */
export async function rpc(url, method, params = []) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: nextId++, method, params }),
  });
  const { result, error } = await answer.json();
  if (error) throw Object.assign(new Error(`${method}: ${error.code} ${error.message}`), { code: error.code });
  return result;
}

export class Anvil {
  /** Starts a node with `accounts` funded, unlocked accounts and an empty chain. */
  static async start({ accounts = 20, chainId = CHAIN_ID } = {}) {
    const port = await freePort();
    const child = own(spawn(
      BINARY,
      [
        '--host', '127.0.0.1', '--port', String(port), '--chain-id', String(chainId), '--no-mining', '--quiet',
        '--timestamp', String(GENESIS_TIME), '--accounts', String(accounts), '--gas-limit', '1000000000',
        '--balance', '1000000', '--no-request-size-limit',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    ));
    const node = new Anvil(child, `http://127.0.0.1:${port}`);
    try {
      await until('anvil to answer', () => node.rpc('eth_chainId'));
      node.accounts = await node.rpc('eth_accounts');
      return node;
    } catch (error) {
      await node.stop();
      throw new Error(`${error.message}\n${node.noise}`);
    }
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
    this.noise = '';
    child.stderr.on('data', (bytes) => (this.noise += bytes));
  }

  rpc(method, ...params) {
    return rpc(this.url, method, params);
  }

  async head() {
    return Number(await this.rpc('eth_blockNumber'));
  }

  block(height) {
    return this.rpc('eth_getBlockByNumber', hex(height), false);
  }

  /** Mines `count` blocks; the first one takes everything that waits. */
  async mine(count = 1) {
    for (let i = 0; i < count; i++) await this.rpc('evm_mine');
    return this.head();
  }

  /** Puts a transaction of an unlocked account into the pool; returns its hash. */
  send(tx) {
    return this.rpc('eth_sendTransaction', { gas: hex(8_000_000), ...tx });
  }

  /** The signed bytes of a transaction: with them the same transaction can be put into another block. */
  raw(hash) {
    return this.rpc('eth_getRawTransactionByHash', hash);
  }

  /** Signed bytes of all transactions in the last `depth` blocks, in chain order. */
  async rawTail(depth) {
    const head = await this.head();
    const all = [];
    for (let height = head - depth + 1; height <= head; height++) {
      for (const hash of (await this.block(height)).transactions) all.push(await this.raw(hash));
    }
    return all;
  }

  /**
   * Replaces the last `depth` blocks. `placed` is a list of [signed bytes, block of the new branch counted from 0];
   * whatever is not placed is gone. The head's height stays.
   */
  reorg(depth, placed = []) {
    return this.rpc('anvil_reorg', depth, placed);
  }

  /** Takes the last `depth` blocks away: the chain becomes shorter. */
  rollback(depth) {
    return this.rpc('anvil_rollback', depth);
  }

  /** The whole chain and state, for `load` on another node. */
  dump() {
    return this.rpc('anvil_dumpState');
  }

  load(state) {
    return this.rpc('anvil_loadState', state);
  }

  stop() {
    return end(this.child);
  }
}
