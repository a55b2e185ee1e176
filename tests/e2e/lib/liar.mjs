// A proxy before a node: honest, switched to another node (A→B→A), or lying in one named way.

import { createServer } from 'node:http';

const isLogs = (ask) => ask.method === 'eth_getLogs';
const back = (number, by) => `0x${Math.max(0, Number(number) - by).toString(16)}`;

/**
 * Lies by name: `ask` may change the question, `answer` the result of one call, `reply` the whole HTTP answer
 * ({ status, headers, text }). Each must be noticed by whoever reads.
 */
export const LIES = {
  none: {},
  /** The block is not indexed yet: no logs, and nobody says so. */
  emptyLogs: {
    answer: (ask, result) => (isLogs(ask) ? [] : ask.method === 'eth_getBlockReceipts' ? [] : result),
  },
  /** The last log of every list is left out, also from receipts. */
  missingLog: {
    answer: (ask, result) => {
      if (isLogs(ask) && Array.isArray(result)) return result.slice(0, -1);
      if (ask.method === 'eth_getBlockReceipts' && Array.isArray(result)) {
        const last = result.findLastIndex((receipt) => receipt.logs.length > 0);
        return result.map((r, i) => (i === last ? { ...r, logs: r.logs.slice(0, -1) } : r));
      }
      return result;
    },
  },
  /** Logs that belong to another block. */
  otherBlock: {
    answer: (ask, result) =>
      isLogs(ask) && Array.isArray(result)
        ? result.map((log) => ({ ...log, blockHash: `0x${'ab'.repeat(32)}` }))
        : result,
  },
  /** A deposit that never was: the first log is paid a second time. */
  inventedLog: {
    answer: (ask, result) =>
      isLogs(ask) && Array.isArray(result) && result.length
        ? [...result, { ...result[0], logIndex: '0xff', transactionHash: `0x${'cd'.repeat(32)}` }]
        : result,
  },
  /** A replica that stands five blocks behind. */
  staleHead: {
    ask: (ask, head) =>
      ask.method === 'eth_getBlockByNumber' && ask.params[0] === 'latest'
        ? { ...ask, params: [back(head, 5), ...ask.params.slice(1)] }
        : ask,
    answer: (ask, result) => (ask.method === 'eth_blockNumber' ? back(result, 5) : result),
  },
  /** The endpoint was moved to another network. */
  otherChain: { answer: (ask, result) => (ask.method === 'eth_chainId' ? '0x1' : result) },
  /** The connection is cut in the middle of the JSON text. */
  truncated: { reply: ({ text }) => ({ status: 200, headers: {}, text: text.slice(0, Math.floor(text.length / 2)) }) },
  /** A quota is used up. */
  tooMany: { reply: () => ({ status: 429, headers: { 'retry-after': '1' }, text: 'slow down' }) },
  /** A gateway's HTML page instead of JSON. */
  html: { reply: () => ({ status: 502, headers: { 'content-type': 'text/html' }, text: '<html>Bad gateway</html>' }) },
};

export class Liar {
  /** Listens on a free loopback port before `upstream`, honest at first. */
  static async start(upstream) {
    const liar = new Liar(upstream);
    await new Promise((resolve) => liar.server.listen(0, '127.0.0.1', resolve));
    liar.url = `http://127.0.0.1:${liar.server.address().port}`;
    return liar;
  }

  constructor(upstream) {
    this.upstream = upstream;
    this.lie = 'none';
    this.told = 0;
    this.asked = {};
    this.server = createServer((request, response) => {
      this.serve(request, response).catch((error) => {
        response.writeHead(502).end(String(error));
      });
    });
  }

  /** Which lie is told from now on. */
  tell(lie) {
    if (!LIES[lie]) throw new Error(`no such lie: ${lie}`);
    this.lie = lie;
  }

  /** Points at another node, as a load balancer does. */
  switchTo(url) {
    this.upstream = url;
  }

  async serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks));
    const lie = LIES[this.lie];
    const asks = Array.isArray(body) ? body : [body];
    for (const { method } of asks) this.asked[method] = (this.asked[method] ?? 0) + 1;
    const head = lie.ask ? await this.forward({ jsonrpc: '2.0', id: 0, method: 'eth_blockNumber', params: [] }) : null;
    const changed = lie.ask ? asks.map((ask) => lie.ask(ask, head.result)) : asks;
    const answers = await this.forward(Array.isArray(body) ? changed : changed[0]);
    const bent = (Array.isArray(answers) ? answers : [answers]).map((answer) => {
      const ask = asks.find((each) => each.id === answer.id);
      if (!lie.answer || answer.result === undefined || !ask) return answer;
      return { ...answer, result: lie.answer(ask, answer.result) };
    });
    const text = JSON.stringify(Array.isArray(answers) ? bent : bent[0]);
    if (this.lie !== 'none') this.told++;
    const reply = lie.reply?.({ text }) ?? { status: 200, headers: {}, text };
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(reply.text);
  }

  async forward(body) {
    const answer = await fetch(this.upstream, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return answer.json();
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
