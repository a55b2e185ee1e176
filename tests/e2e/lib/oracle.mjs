// What the chain itself says should have been credited. Shares no code with the daemon: it reads all Transfer logs
// of the token once, at the end, and derives ids by the published formula.

import { createHash } from 'node:crypto';
import { TRANSFER_TOPIC } from './contracts.mjs';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes) {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let at = bytes.length * 8 - 5; at >= 0; at -= 5) text += LETTERS[Number((bits >> BigInt(at)) & 31n)];
  return text;
}

/**
 * `dep_` and base32 of the first 20 bytes of SHA-256(network LF tx LF contract LF ordinal), the contract as its network
 * writes it: lower-case hex, or base58check.
 */
export function depositId(network, tx, contract, ordinal) {
  const written = contract.startsWith('0x') ? contract.toLowerCase() : contract;
  const named = [network, tx.toLowerCase(), written, ordinal].join('\n');
  return `dep_${base32(createHash('sha256').update(named).digest().subarray(0, 20))}`;
}

const account = (topic) => `0x${topic.slice(26)}`.toLowerCase();

/**
 * Deposits that must stand credited, by id: every non-zero Transfer of `token` to one of `watched` (address → first
 * covered height) that has `confirmations` at the head.
 */
export async function expectedCredits(node, { network, token, watched, confirmations }) {
  const head = await node.head();
  const logs = [];
  for (let height = 0; height <= head; height++) {
    const { hash } = await node.block(height);
    logs.push(...(await node.rpc('eth_getLogs', { blockHash: hash, address: token, topics: [TRANSFER_TOPIC] })));
  }
  const credits = new Map();
  const seen = new Map();
  for (const log of logs) {
    const ordinal = seen.get(log.transactionHash) ?? 0;
    seen.set(log.transactionHash, ordinal + 1);
    const [from, to] = [account(log.topics[1]), account(log.topics[2])];
    const [height, amount] = [Number(log.blockNumber), BigInt(log.data)];
    const isCovered = watched.has(to) && height >= watched.get(to);
    const isDeep = head - height + 1 >= confirmations;
    if (!isCovered || !isDeep || amount === 0n || from === to) continue;
    credits.set(depositId(network, log.transactionHash, token, ordinal), {
      to, amount, tx: log.transactionHash, ordinal, height, hash: log.blockHash,
    });
  }
  return { credits, head, logs: logs.length };
}
