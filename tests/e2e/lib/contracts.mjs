// Compiles tests/e2e/contracts with the pinned solc and speaks their ABI, as far as the tests need it.

import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const solc = createRequire(import.meta.url)('solc');
const FOLDER = new URL('../contracts/', import.meta.url);

/** keccak256("Transfer(address,address,uint256)") */
export const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

let compiled;

/** Bytecode and selectors by contract name; compiled once per process. */
export function contracts() {
  compiled ??= compile();
  return compiled;
}

function compile() {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.sol'));
  const sources = Object.fromEntries(names.map((n) => [n, { content: readFileSync(new URL(n, FOLDER), 'utf8') }]));
  const input = {
    language: 'Solidity',
    sources,
    settings: {
      optimizer: { enabled: true },
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.methodIdentifiers'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const faults = (output.errors ?? []).filter((e) => e.severity === 'error');
  if (faults.length) throw new Error(faults.map((e) => e.formattedMessage).join('\n'));
  const found = {};
  for (const file of Object.values(output.contracts)) {
    for (const [name, { evm }] of Object.entries(file)) {
      found[name] = { code: `0x${evm.bytecode.object}`, selectors: evm.methodIdentifiers };
    }
  }
  return found;
}

const word = (value) => BigInt(value).toString(16).padStart(64, '0');

/** ABI encoding of numbers, addresses, short strings ({ text }) and arrays of words. */
export function encode(values) {
  const heads = [];
  let tail = '';
  for (const value of values) {
    const isDynamic = Array.isArray(value) || value?.text !== undefined;
    if (!isDynamic) {
      heads.push(word(value));
      continue;
    }
    heads.push(word(values.length * 32 + tail.length / 2));
    if (Array.isArray(value)) {
      tail += word(value.length) + value.map(word).join('');
    } else {
      const bytes = Buffer.from(value.text);
      tail += word(bytes.length) + bytes.toString('hex').padEnd(Math.ceil(bytes.length / 32) * 64, '0');
    }
  }
  return heads.join('') + tail;
}

/** Calldata for `method` (its full ABI signature) of `contract`. */
export function call(contract, method, ...values) {
  const selector = contracts()[contract].selectors[method];
  if (!selector) throw new Error(`${contract} has no ${method}`);
  return `0x${selector}${encode(values)}`;
}

/** Deploys, mines one block, and returns the address in lower case. */
export async function deploy(node, contract, from, ...values) {
  const hash = await node.send({ from, data: contracts()[contract].code + encode(values) });
  await node.mine();
  const receipt = await node.rpc('eth_getTransactionReceipt', hash);
  if (receipt?.status !== '0x1') throw new Error(`deployment of ${contract} failed`);
  return receipt.contractAddress.toLowerCase();
}

/** A USDT-like token, a look-alike with the same name, symbol and decimals, and a batcher holding both. */
export async function deployMoney(node, { decimals = 6 } = {}) {
  const [owner] = node.accounts;
  const supply = 10n ** 18n;
  const parts = [{ text: 'Tether USD' }, { text: 'USDT' }, decimals, supply];
  const token = await deploy(node, 'TetherLike', owner, ...parts);
  const lookalike = await deploy(node, 'TetherLike', owner, ...parts);
  const batcher = await deploy(node, 'Batcher', owner);
  for (const each of [token, lookalike]) {
    await node.send({ from: owner, to: each, data: call('TetherLike', 'transfer(address,uint256)', batcher, supply / 2n) });
  }
  await node.mine();
  return { owner, token, lookalike, batcher, decimals };
}

/** Calldata of a plain payment. */
export const transfer = (to, value) => call('TetherLike', 'transfer(address,uint256)', to, value);

/** Calldata of a payment of several people in one transaction; `how`: pay, payThroughSelf or payAndRevert. */
export const batch = (token, payments, how = 'pay') =>
  call('Batcher', `${how}(address,address[],uint256[])`, token, payments.map((p) => p.to), payments.map((p) => p.value));

/** What the token itself says an account holds. */
export async function balanceOf(node, token, account) {
  const data = call('TetherLike', 'balanceOf(address)', account);
  return BigInt(await node.rpc('eth_call', { to: token, data }, 'latest'));
}
