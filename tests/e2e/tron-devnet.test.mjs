// The simulated TRON node as clients read it that are not ours: tronweb, tronpy and ethers find blocks, transactions,
// infos and what is solid, and every id follows from the bytes it names.

import assert from 'node:assert/strict';
import { before, after, describe, test } from 'node:test';
import { JsonRpcProvider } from 'ethers';
import { TronWeb } from 'tronweb';
import { Devnet, post, SOLID_LAG } from './lib/devnet.mjs';
import { python } from './lib/python.mjs';
import { Random } from './lib/random.mjs';
import { addressHex, addressText, blockId, transactionId, transfers } from './lib/tron.mjs';
import { account } from './lib/tron_scene.mjs';

const EMPTY = '0'.repeat(64);
const MISSING = '11'.repeat(32);
const heightOf = (block) => block.block_header.raw_data.number ?? 0;

/** A chain with two payments in one block, full blocks, empty blocks, and a block that lost a fork. */
async function chain(node, payees) {
  await node.mine(3);
  const paid = [await node.pay(payees[0], 10_500_000), await node.pay(payees[1], 1)];
  const height = await node.mine();
  await node.dev('fill', 4, 40, 10);
  await node.mine(2);
  const lost = await node.block(await node.head());
  await node.dev('fork', 1);
  await node.mine(SOLID_LAG + 5);
  return { paid, height, lost };
}

describe('clients that are not ours read the simulated TRON node', () => {
  const payees = [account(new Random(1)), account(new Random(2))];
  let node;
  let tron;
  let past;
  let blocks;

  before(async () => {
    node = await Devnet.start();
    past = await chain(node, payees);
    tron = new TronWeb({ fullHost: node.url });
    blocks = await tron.trx.getBlockRange(0, await node.head());
  });
  after(() => node?.stop());

  test('tronweb reads a linked chain whose every id follows from the bytes', async () => {
    assert.equal(blocks.length, (await node.head()) + 1);
    assert.equal(blocks[0].blockID, node.genesis.replace(/^0x/, ''));
    assert.deepEqual([blocks[0].block_header.raw_data.number, blocks[0].block_header.raw_data.timestamp], [undefined, undefined]);
    blocks.forEach((block, height) => {
      assert.equal(heightOf(block), height);
      assert.equal(BigInt(`0x${block.blockID.slice(0, 16)}`), BigInt(height));
      if (height === 0) return;
      assert.equal(block.blockID, blockId(block.block_header), `the header of ${height} proves its id`);
      const { parentHash, timestamp } = block.block_header.raw_data;
      assert.equal(parentHash, blocks[height - 1].blockID, `${height} links to the block below`);
      assert.ok(timestamp > (blocks[height - 1].block_header.raw_data.timestamp ?? 0), 'time goes on');
    });
  });

  test('transactions prove their ids and rebuild from their fields; empty blocks say so', () => {
    let checked = 0;
    for (const block of blocks.slice(1)) {
      const { transactions, block_header: { raw_data: header } } = block;
      assert.equal(transactions === undefined, (header.txTrieRoot ?? EMPTY) === EMPTY, `root and list of ${header.number}`);
      assert.notDeepEqual(transactions, [], 'an empty list is never written');
      for (const tx of transactions ?? []) {
        assert.equal(tx.txID, transactionId(tx));
        assert.equal(tron.utils.transaction.txCheck(tx), true);
        const altered = structuredClone(tx);
        altered.raw_data.timestamp = (altered.raw_data.timestamp ?? 0) + 1;
        assert.equal(tron.utils.transaction.txCheck(altered), false, 'the check can fail');
        checked++;
      }
    }
    assert.ok(checked >= 2 + 4 * 40, `${checked} transactions`);
  });

  test('the infos of a block are those of its transactions, in order', async () => {
    for (const block of blocks.slice(1)) {
      const { number: num, timestamp } = block.block_header.raw_data;
      const infos = await tron.fullNode.request('wallet/gettransactioninfobyblocknum', { num }, 'post');
      const txs = block.transactions ?? [];
      assert.deepEqual(infos.map(({ id }) => id), txs.map(({ txID }) => txID), `infos of ${num}`);
      for (const [i, info] of infos.entries()) {
        assert.deepEqual([info.blockNumber, info.blockTimeStamp], [num, timestamp]);
        const { contract: [{ type }] } = txs[i].raw_data;
        if (type === 'TriggerSmartContract') assert.equal(info.receipt.result, txs[i].ret[0].contractRet);
        for (const { address, topics = [], data = '' } of info.log ?? []) {
          assert.match(address, /^[0-9a-f]{40}$/);
          for (const topic of topics) assert.match(topic, /^[0-9a-f]{64}$/);
          assert.match(data, /^([0-9a-f]{2})*$/);
        }
      }
    }
    const told = transfers(await node.infos(past.height), addressHex(node.money.token));
    assert.deepEqual(
      told.map(({ tx, to, amount, ordinal }) => [tx, addressText(to), amount, ordinal]),
      [[past.paid[0], payees[0], 10_500_000n, 0], [past.paid[1], payees[1], 1n, 0]],
    );
  });

  test('head and solid: 18 apart, and nothing above solid on the solidity side', async () => {
    const head = await tron.trx.getCurrentBlock();
    const solid = await tron.trx.getConfirmedCurrentBlock();
    assert.equal(heightOf(head), blocks.length - 1);
    assert.equal(heightOf(solid), heightOf(head) - SOLID_LAG);
    assert.deepEqual(solid, blocks[heightOf(solid)]);
    assert.deepEqual(await tron.trx.getBlock('latest'), head);
    const above = heightOf(solid) + 1;
    assert.deepEqual(await node.solid('getblock', { id_or_num: String(above), detail: true }), {});
    assert.deepEqual(await node.solid('getblockbynum', { num: above }), {});
    assert.deepEqual(await node.solid('gettransactioninfobyblocknum', { num: above }), []);
    const range = await node.solid('getblockbylimitnext', { startNum: heightOf(solid), endNum: above + 3 });
    assert.deepEqual((range.block ?? []).map(heightOf), [heightOf(solid)]);
  });

  test('a transaction on both sides; one that is not solid yet only on one', async () => {
    const [tx] = past.paid;
    const full = await tron.trx.getTransaction(tx);
    assert.equal(full.txID, tx);
    assert.deepEqual(await tron.trx.getConfirmedTransaction(tx), full);
    const info = await tron.trx.getUnconfirmedTransactionInfo(tx);
    assert.deepEqual([info.id, info.blockNumber, info.receipt.result], [tx, past.height, 'SUCCESS']);
    assert.equal(info.result, undefined, 'success is not written');
    assert.deepEqual(await tron.trx.getTransactionInfo(tx), info);
    const fresh = await node.pay(payees[0], 7);
    await node.mine();
    assert.equal((await tron.trx.getTransaction(fresh)).txID, fresh);
    assert.equal((await tron.trx.getUnconfirmedTransactionInfo(fresh)).id, fresh);
    assert.deepEqual(await tron.trx.getTransactionInfo(fresh), {});
    await assert.rejects(tron.trx.getConfirmedTransaction(fresh), /not found/);
    await assert.rejects(tron.trx.getTransaction(MISSING), /not found/);
  });

  test('by number, by id, one transaction of a block, and the block that lost', async () => {
    const { height, lost } = past;
    const block = await tron.trx.getBlockByNumber(height);
    assert.deepEqual(block, blocks[height]);
    assert.deepEqual(await tron.trx.getBlockByHash(block.blockID), block);
    assert.deepEqual(await tron.trx.getBlock('earliest'), blocks[0]);
    assert.equal(await tron.trx.getBlockTransactionCount(height), 2);
    assert.deepEqual(await tron.trx.getTransactionFromBlock(height, 1), block.transactions[1]);
    await assert.rejects(tron.trx.getBlockByNumber(1_000_000), /not found/);
    assert.equal((await tron.trx.getBlockByHash(lost.hash)).blockID, lost.hash, 'an orphan is found by its id');
    assert.notEqual((await tron.trx.getBlockByNumber(lost.number)).blockID, lost.hash, 'and not by its height');
  });

  test('what java-tron refuses is refused', async () => {
    assert.deepEqual(await node.wallet('getblockbylimitnext', { startNum: 0, endNum: 101 }), {}, '101 blocks');
    assert.deepEqual(await node.wallet('getblock', { id_or_num: '1000000', detail: true }), {}, 'above the head');
    assert.deepEqual(await node.wallet('gettransactioninfobyblocknum', { num: 1_000_000 }), [], 'infos of no block');
    const bad = await node.wallet('getblock', { id_or_num: 'x', detail: true });
    assert.equal(typeof bad.Error, 'string');
  });

  test('node info, and a node that tronweb calls connected', async () => {
    const head = await tron.trx.getCurrentBlock();
    const solid = await tron.trx.getConfirmedCurrentBlock();
    const info = await tron.trx.getNodeInfo();
    assert.equal(info.block, `Num:${heightOf(head)},ID:${head.blockID}`);
    assert.equal(info.solidityBlock, `Num:${heightOf(solid)},ID:${solid.blockID}`);
    assert.match(info.configNodeInfo.codeVersion, /^\d+\.\d+\.\d+$/);
    const connected = await tron.isConnected();
    assert.deepEqual([connected.fullNode, connected.solidityNode], [true, true]);
  });

  test('tronpy reads the same, with every address in base58', async () => {
    const [tx] = past.paid;
    const said = JSON.parse(await python('tron_reader.py', [node.url, String(past.height), tx]));
    const head = await tron.trx.getCurrentBlock();
    const solid = await tron.trx.getConfirmedCurrentBlock();
    assert.deepEqual([said.head, said.head_id], [heightOf(head), head.blockID]);
    assert.deepEqual([said.solid, said.solid_id], [heightOf(solid), solid.blockID]);
    assert.deepEqual([said.now.blockID, said.latest.blockID, said.latest_solid.blockID], [head.blockID, head.blockID, solid.blockID]);
    assert.equal(said.block.blockID, blocks[past.height].blockID);
    assert.equal(said.same_by_id, true);
    const { value } = said.transaction.raw_data.contract[0].parameter;
    assert.equal(value.contract_address, node.money.token);
    assert.equal(TronWeb.isAddress(value.owner_address) && value.owner_address.startsWith('T'), true);
    assert.equal(said.info.log[0].address, node.money.token);
    assert.equal(said.info.contract_address, node.money.token);
    assert.deepEqual(said.solid_info, said.info);
    assert.deepEqual([said.no_block, said.no_transaction], [true, true]);
  });

  test('ethers reads over JSON-RPC what the native infos say', async (t) => {
    const provider = new JsonRpcProvider(node.jsonrpcUrl, undefined, { batchMaxCount: 1 });
    t.after(() => provider.destroy());
    assert.equal(Number((await provider.getNetwork()).chainId), node.chainId);
    assert.equal(Number(BigInt(`0x${node.genesis.slice(-8)}`)), node.chainId, 'the chain id is the tail of the genesis id');
    assert.equal(await provider.getBlockNumber(), await node.head());
    const final = await provider.send('eth_getBlockByNumber', ['finalized', false]);
    assert.equal(Number(final.number), await node.solidHead());
    for (const height of [past.height, past.height + 1, past.height + 2]) {
      const infos = await node.infos(height);
      const receipts = await provider.send('eth_getBlockReceipts', [`0x${blocks[height].blockID}`]);
      assert.deepEqual(receipts.map((r) => r.transactionHash), infos.map(({ id }) => `0x${id}`));
      let logIndex = 0;
      for (const [i, info] of infos.entries()) {
        const { blockHash, status, logs, transactionIndex } = receipts[i];
        assert.deepEqual([blockHash, Number(transactionIndex)], [`0x${blocks[height].blockID}`, i]);
        const isGood = info.result !== 'FAILED' && (info.receipt.result ?? 'SUCCESS') === 'SUCCESS';
        assert.equal(Number(status), isGood ? 1 : 0);
        assert.deepEqual(
          logs.map((l) => [l.address, l.topics, l.data, Number(l.logIndex)]),
          (info.log ?? []).map(({ address, topics = [], data = '' }) =>
            [`0x${address}`, topics.map((topic) => `0x${topic}`), `0x${data}`, logIndex++]),
        );
      }
    }
    for (const [i, tx] of past.paid.entries()) {
      const receipt = await provider.getTransactionReceipt(`0x${tx}`);
      assert.deepEqual([receipt.blockNumber, receipt.index, receipt.status], [past.height, i, 1]);
      assert.equal(receipt.logs[0].address.toLowerCase(), `0x${addressHex(node.money.token)}`);
    }
  });
});

test('on two ports, as java-tron has it, each side serves only its own', async (t) => {
  const node = await Devnet.start({ twoPorts: true });
  t.after(() => node.stop());
  assert.notEqual(node.solidUrl, node.url);
  await node.mine(SOLID_LAG + 2);
  const tron = new TronWeb({ fullHost: node.url, solidityNode: node.solidUrl });
  const split = new TronWeb(node.url, node.solidUrl, node.url);
  const head = heightOf(await tron.trx.getCurrentBlock());
  assert.ok(head >= SOLID_LAG + 2);
  assert.equal(heightOf(await split.trx.getConfirmedCurrentBlock()), head - SOLID_LAG);
  await assert.rejects(post(node.url, 'walletsolidity/getblock', { detail: false }), /404/);
  await assert.rejects(post(node.solidUrl, 'wallet/getblock', { detail: false }), /404/);
});
