// A proxy before a TRON node: honest, behind, throttled, or lying in one named way. Honest answers pass as they come.

import { Agent, createServer, request as ask } from 'node:http';
import { Random } from './random.mjs';

const isBlock = (path) => /\/wallet(solidity)?\/getblock(bynum|byid)?$/.test(path);
const isRange = (path) => path.endsWith('/getblockbylimitnext');
const isInfos = (path) => path.endsWith('/gettransactioninfobyblocknum');
const heightOf = (block) => block.block_header.raw_data.number ?? 0;

/** The same transfer with another amount. */
const dearer = (log) => (log.data?.length === 64 ? { ...log, data: `${log.data.slice(0, 40)}ffffffff${log.data.slice(48)}` } : log);

/**
 * Lies by name: `bend(answer, place)` gives the bent answer; `place` is { path, body, random, first }. `reply` is the
 * whole HTTP answer instead. Each must be noticed by whoever reads.
 */
export const LIES = {
  none: {},
  /** A replica that has not written the infos yet. */
  emptyInfos: { bend: (answer, { path }) => (isInfos(path) ? [] : answer) },
  /** Infos that were lost are skipped. */
  partialInfos: {
    bend: (answer, { path, random }) => {
      if (!isInfos(path) || !answer.length) return answer;
      const lost = random.between(0, answer.length - 1);
      return answer.filter((_, i) => i !== lost);
    },
  },
  /** The infos as they were first read, also after their branch has lost. */
  otherBranchInfos: { bend: (answer, { path, first }) => (isInfos(path) ? first : answer) },
  /** The infos of another block. */
  shiftedInfos: {
    bend: (answer, { path }) =>
      isInfos(path) && answer.length ? answer.map((info) => ({ ...info, blockNumber: info.blockNumber + 1 })) : answer,
  },
  /** The right infos in another order. */
  shuffledInfos: { bend: (answer, { path, random }) => (isInfos(path) ? random.shuffle(answer) : answer) },
  /** More money than was paid. */
  tamperedAmounts: {
    bend: (answer, { path }) =>
      isInfos(path) && answer.some(({ log }) => log)
        ? answer.map((info) => (info.log ? { ...info, log: info.log.map(dearer) } : info))
        : answer,
  },
  /** A block without its transactions. */
  strippedBlock: {
    bend: (answer, { path }) => {
      const strip = ({ transactions: _, ...block }) => block;
      if (isBlock(path) && answer.block_header) return strip(answer);
      if (isRange(path) && answer.block) return { block: answer.block.map(strip) };
      return answer;
    },
  },
  /** The connection is cut in the middle of the text. */
  truncated: { reply: (text) => ({ status: 200, text: text.slice(0, Math.floor(text.length / 2)) }) },
  /** Not found, for everything. */
  nothing: { reply: () => ({ status: 200, text: '{}' }) },
  /** Any exception of the node. */
  failing: { reply: () => ({ status: 200, text: '{"Error":"class java.lang.NullPointerException : null"}' }) },
  /** A quota, named in the body with status 200. */
  quota: {
    reply: () => ({
      status: 200,
      text: '{"Error":"request rate exceeded the allowed_rps(10), and the query server is suspended for 1 s"}',
    }),
  },
  /** The same by status. */
  tooMany: { reply: () => ({ status: 429, text: '{"Error":"slow down"}' }) },
  /** A gateway's page. */
  html: { reply: () => ({ status: 502, text: '<html>Bad gateway</html>' }) },
};

export class TronLiar {
  /** Listens on a free loopback port before `upstream`, honest at first. */
  static async start(upstream, { seed } = {}) {
    const liar = new TronLiar(upstream, new Random(seed));
    await new Promise((resolve) => liar.server.listen(0, '127.0.0.1', resolve));
    liar.url = `http://127.0.0.1:${liar.server.address().port}`;
    return liar;
  }

  constructor(upstream, random) {
    this.upstream = new URL(upstream);
    this.random = random;
    // The node serves fifty connections in all, as java-tron does: these must not take them all.
    this.agent = new Agent({ keepAlive: true, maxSockets: 16 });
    this.lie = 'none';
    /** How often a lie was told. */
    this.told = 0;
    /** Blocks it is behind. */
    this.lag = 0;
    /** Requests a second it answers; more are throttled. */
    this.perSecond = Infinity;
    this.second = { at: 0, count: 0 };
    this.throttled = 0;
    /** Requests by path. */
    this.asked = {};
    /** Called with the path and headers of each request. */
    this.onRequest = () => {};
    /** Infos as first read, by height, kept while `remembers`. */
    this.remembers = false;
    this.first = new Map();
    this.server = createServer((request, response) => {
      this.serve(request, response).catch((error) => {
        if (!response.headersSent) response.writeHead(502);
        response.end(String(error));
      });
    });
  }

  /** Which lie is told from now on. */
  tell(lie) {
    if (!LIES[lie]) throw new Error(`no such lie: ${lie}`);
    this.lie = lie;
  }

  /** Honest, at the head, in haste. */
  behave() {
    Object.assign(this, { lie: 'none', lag: 0, perSecond: Infinity });
  }

  /** Requests in all. */
  get requests() {
    return Object.values(this.asked).reduce((all, count) => all + count, 0);
  }

  isThrottled() {
    const at = Math.floor(Date.now() / 1000);
    if (this.second.at !== at) this.second = { at, count: 0 };
    return ++this.second.count > this.perSecond;
  }

  async serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = new URL(request.url, this.upstream).pathname;
    this.asked[path] = (this.asked[path] ?? 0) + 1;
    this.onRequest(path, request.headers);
    if (this.isThrottled()) {
      this.throttled++;
      const { status, text } = LIES[this.throttled % 2 ? 'quota' : 'tooMany'].reply();
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
      return;
    }
    const isPlain = this.lie === 'none' && !this.lag && !(this.remembers && isInfos(path));
    if (isPlain) return this.pass(request, body, response);
    await this.bend(path, body, response);
  }

  /** Hands the answer on as it comes. */
  pass({ method, url, headers }, body, response) {
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.agent, headers: { ...headers, host: this.upstream.host } };
      const sent = ask(new URL(url, this.upstream), options, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
        answer.once('end', resolve).once('error', reject);
      });
      sent.once('error', reject);
      // Whoever asked may be killed half-way; an answer nobody takes would keep its connection for ever.
      response.once('close', () => {
        if (!response.writableFinished) sent.destroy();
        resolve();
      });
      sent.end(body);
    });
  }

  async bend(path, bytes, response) {
    const body = bytes.length ? JSON.parse(bytes) : {};
    const lie = LIES[this.lie];
    let answer = this.lag ? await this.older(path, body) : await this.forward(path, body);
    if (isInfos(path) && answer.length && !this.first.has(body.num)) this.first.set(body.num, answer);
    if (lie.bend) {
      const { random } = this;
      const honest = answer;
      answer = lie.bend(answer, { path, body, random, first: this.first.get(body.num) ?? answer });
      if (answer !== honest) this.told++;
    }
    if (lie.reply) this.told++;
    const text = JSON.stringify(answer);
    const reply = lie.reply?.(text) ?? { status: 200, text };
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text);
  }

  /** The answer of a node that is `lag` blocks behind: what is newer is not there, and nobody says so. */
  async older(path, body) {
    const side = path.split('/')[1];
    const head = Math.max(0, heightOf(await this.forward(`/${side}/getblock`, { detail: false })) - this.lag);
    if (isInfos(path)) return body.num > head ? [] : this.forward(path, body);
    if (isRange(path)) {
      const answer = await this.forward(path, body);
      const block = (answer.block ?? []).filter((each) => heightOf(each) <= head);
      return block.length ? { block } : {};
    }
    if (!isBlock(path) && !path.endsWith('/getnowblock')) {
      const answer = await this.forward(path, body);
      return (answer.blockNumber ?? 0) > head ? {} : answer;
    }
    const isHead = path.endsWith('/getnowblock') || (body.id_or_num ?? '') === '';
    const asked = isHead && path.endsWith('/getblock') ? { ...body, id_or_num: String(head) } : body;
    const answer = isHead && path.endsWith('/getnowblock')
      ? await this.forward(`/${side}/getblockbynum`, { num: head })
      : await this.forward(path, asked);
    return answer.block_header && heightOf(answer) > head ? {} : answer;
  }

  async forward(path, body) {
    const answer = await fetch(new URL(path, this.upstream), { method: 'POST', body: JSON.stringify(body) });
    return answer.json();
  }

  stop() {
    this.server.closeAllConnections();
    this.agent.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
