// TRON's own arithmetic, written from its published schemas: addresses, block ids, transaction ids, and what moved.
// Shares no code with the daemon or its simulated node.

import { createHash } from 'node:crypto';
import { TRANSFER_TOPIC } from './contracts.mjs';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const TRANSFER = TRANSFER_TOPIC.slice(2);

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest();

/** Base58check of 0x41 and 20 bytes given as hex, with or without `41` or `0x`. */
export function addressText(hex) {
  const bare = hex.replace(/^0x/, '');
  const raw = Buffer.from(bare.length === 40 ? `41${bare}` : bare, 'hex');
  if (raw.length !== 21 || raw[0] !== 0x41) throw new Error(`no account: ${hex}`);
  const bytes = Buffer.concat([raw, sha256(sha256(raw)).subarray(0, 4)]);
  let number = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  while (number > 0n) {
    text = ALPHABET[Number(number % 58n)] + text;
    number /= 58n;
  }
  return text;
}

/** The 20 bytes of a base58check address as hex. */
export function addressHex(text) {
  let number = 0n;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) throw new Error(`not base58: ${text}`);
    number = number * 58n + BigInt(digit);
  }
  const bytes = Buffer.from(number.toString(16).padStart(50, '0'), 'hex');
  const [raw, check] = [bytes.subarray(0, 21), bytes.subarray(21)];
  if (bytes.length !== 25 || raw[0] !== 0x41 || !sha256(sha256(raw)).subarray(0, 4).equals(check)) {
    throw new Error(`no address: ${text}`);
  }
  return raw.subarray(1).toString('hex');
}

function varint(value) {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const numberField = (field, value) => (value ? Buffer.concat([varint(field << 3), varint(value)]) : Buffer.alloc(0));

function bytesField(field, hex) {
  const bytes = Buffer.from(hex ?? '', 'hex');
  return bytes.length ? Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]) : bytes;
}

/** The id that a header proves: its height and the tail of the SHA-256 of its protobuf (`BlockHeader.raw`). */
export function blockId({ raw_data: raw }) {
  const encoded = Buffer.concat([
    numberField(1, raw.timestamp),
    bytesField(2, raw.txTrieRoot),
    bytesField(3, raw.parentHash),
    numberField(7, raw.number),
    numberField(8, raw.witness_id),
    bytesField(9, raw.witness_address),
    numberField(10, raw.version),
    bytesField(11, raw.accountStateRoot),
  ]);
  const height = BigInt(raw.number ?? 0).toString(16).padStart(16, '0');
  return height + sha256(encoded).subarray(8).toString('hex');
}

/** The id of a transaction: the SHA-256 of its raw bytes. */
export const transactionId = ({ raw_data_hex: hex }) => sha256(Buffer.from(hex, 'hex')).toString('hex');

/**
 * Transfers of `token` (hex, 20 bytes) in a block's infos, by the published rules: a successful transaction, the
 * token's own log, three topics, 32 bytes. The ordinal counts every Transfer log of the token in its transaction.
 */
export function transfers(infos, token) {
  const found = [];
  for (const info of infos) {
    let ordinal = 0;
    for (const { address, topics = [], data = '' } of info.log ?? []) {
      if (address !== token || topics[0] !== TRANSFER) continue;
      const place = ordinal++;
      if (info.receipt.result !== 'SUCCESS' || info.result === 'FAILED') continue;
      if (topics.length !== 3 || data.length !== 64) continue;
      found.push({
        tx: info.id, ordinal: place, height: info.blockNumber, amount: BigInt(`0x${data}`),
        from: topics[1].slice(24), to: topics[2].slice(24),
      });
    }
  }
  return found;
}
