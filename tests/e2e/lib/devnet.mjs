// The simulated TRON node that ships with depositd (`depositd devnet`), mined by hand over its control calls.
// Every test starts its own on free loopback ports and stops it by its process id.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { rpc } from './anvil.mjs';
import { end, own } from './children.mjs';
import { BINARY } from './daemon.mjs';

/** How far the solidified block trails the head while every producer works. */
export const SOLID_LAG = 18;

/** Calls in one batch of control calls. */
const BATCH = 100;

/** Posts `body` to a path of a TRON node; the answer is parsed, whatever it says. */
export async function post(base, path, body = {}) {
  const answer = await fetch(`${base}/${path}`, { method: 'POST', body: JSON.stringify(body) });
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 200)}`);
  }
}

export class Devnet {
  /**
   * Starts a chain of `blocks` empty blocks, the last of them now; each that follows is a second later. `twoPorts`: the
   * solidity side on a port of its own, as a node of one's own has it.
   */
  static async start({ twoPorts = false, blocks = 1 } = {}) {
    const ports = ['--evm-port', '0', '--tron-port', '0', ...(twoPorts ? ['--tron-solid-port', '0'] : [])];
    const manner = ['--tron-jsonrpc', '--block-time', '0', '--blocks', String(blocks)];
    const child = own(spawn(BINARY, ['devnet', '--json', ...ports, ...manner], { stdio: ['ignore', 'pipe', 'pipe'] }));
    let noise = '';
    child.stderr.on('data', (bytes) => (noise = (noise + bytes).slice(-10_000)));
    const line = await new Promise((resolve, reject) => {
      child.once('error', reject);
      createInterface({ input: child.stdout }).once('line', resolve).once('close', () => resolve(''));
    });
    if (!line) {
      await end(child);
      throw new Error(`the devnet told nothing: ${noise}`);
    }
    return new Devnet(child, JSON.parse(line));
  }

  constructor(child, told) {
    this.child = child;
    const { tron } = told;
    this.url = tron.url;
    this.solidUrl = tron.solid_url;
    this.jsonrpcUrl = tron.jsonrpc_url;
    this.genesis = tron.genesis;
    this.chainId = tron.chain_id;
    this.money = { token: tron.token.contract, decimals: tron.token.decimals };
  }

  /** One control call: `dev('mine', 3)`. */
  dev(verb, ...params) {
    return rpc(this.url, `dev_${verb}`, params);
  }

  /** Control calls [verb, …params] in order, many in one request; their results. */
  async many(calls) {
    const results = [];
    for (let at = 0; at < calls.length; at += BATCH) {
      const batch = calls.slice(at, at + BATCH)
        .map(([verb, ...params], id) => ({ jsonrpc: '2.0', id, method: `dev_${verb}`, params }));
      const answer = await fetch(this.url, {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(batch),
      });
      const told = (await answer.json()).sort((a, b) => a.id - b.id);
      for (const [i, each] of told.entries()) {
        if (each.error) throw new Error(`${batch[i].method} ${batch[i].params}: ${each.error.message}`);
        results.push(each.result);
      }
    }
    return results;
  }

  /** A payment of `amount` base units, for the next block; its transaction. */
  async pay(to, amount) {
    return hash(await this.dev('transfer', this.money.token, to, decimalText(amount, this.money.decimals)));
  }

  /** Mines `count` blocks; the first takes what waits. */
  async mine(count = 1) {
    await this.dev('mine', count);
    return this.head();
  }

  /** `/wallet/…` */
  wallet(call, body) {
    return post(this.url, `wallet/${call}`, body);
  }

  /** `/walletsolidity/…` */
  solid(call, body) {
    return post(this.solidUrl, `walletsolidity/${call}`, body);
  }

  async head() {
    const { block_header: header } = await this.wallet('getblock', { detail: false });
    return header.raw_data.number ?? 0;
  }

  async solidHead() {
    const { block_header: header } = await this.solid('getblock', { detail: false });
    return header.raw_data.number ?? 0;
  }

  /** As the daemon's cursor names it. */
  async block(height) {
    const { blockID } = await this.wallet('getblock', { id_or_num: String(height), detail: false });
    return { number: height, hash: blockID };
  }

  infos(height) {
    return this.wallet('gettransactioninfobyblocknum', { num: height });
  }

  stop() {
    return end(this.child);
  }
}

/** A transaction's id as TRON writes it, whoever told it. */
export const hash = (text) => text.replace(/^0x/, '');

/** Exact decimal text of base units. */
export function decimalText(amount, decimals) {
  const digits = BigInt(amount).toString().padStart(decimals + 1, '0');
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
