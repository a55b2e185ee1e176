// A merchant: takes notifications on loopback, verifies each with the published npm library, and keeps the first
// body of every event id. What it must never see is collected in `complaints`, which a test ends by asserting empty.

import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

export class Sink {
  /** Listens on a free loopback port. `secret` is `whsec_…`; it may be set later, before the first notification. */
  static async start({ secret } = {}) {
    const sink = new Sink(secret);
    await new Promise((resolve) => sink.server.listen(0, '127.0.0.1', resolve));
    sink.url = `http://127.0.0.1:${sink.server.address().port}/hooks/deposits`;
    return sink;
  }

  constructor(secret) {
    this.secret = secret;
    /** Event id → { body, text, deliveries }. */
    this.events = new Map();
    /** Every accepted request: { id, headers, text }. */
    this.requests = [];
    this.complaints = [];
    /** Called with the event id; a returned status is answered instead of 204. */
    this.misbehave = () => undefined;
    this.server = createServer((request, response) => {
      this.take(request).then(
        (status) => response.writeHead(status).end(),
        (error) => {
          this.complaints.push(`sink: ${error.message}`);
          response.writeHead(400).end();
        },
      );
    });
  }

  async take(request) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const id = request.headers['webhook-id'];
    new Webhook(this.secret).verify(text, request.headers);
    const misbehaviour = this.misbehave(id);
    if (misbehaviour) return misbehaviour;
    this.requests.push({ id, headers: request.headers, text });
    const known = this.events.get(id);
    if (known && known.text !== text) this.complaints.push(`${id} came with another body`);
    if (known) {
      known.deliveries++;
      return 204;
    }
    const body = JSON.parse(text);
    if (body.data.event_id !== id) this.complaints.push(`${id}: the body names ${body.data.event_id}`);
    this.checkOrder(body);
    this.events.set(id, { body, text, deliveries: 1 });
    return 204;
  }

  /** A version may come only after the one before it. */
  checkOrder({ type, data }) {
    if (data.version === 0) return;
    const wanted = data.version % 2 === 1 ? 'deposit.confirmed' : 'deposit.reversed';
    if (type !== wanted) this.complaints.push(`${data.event_id} is a ${type}`);
    const before = `${data.deposit_id}_${data.version - 1}`;
    if (data.version > 1 && !this.events.has(before)) this.complaints.push(`${data.event_id} came before ${before}`);
  }

  /** Events of money by deposit id, in the order of versions. */
  ledger() {
    const deposits = new Map();
    for (const { body } of this.events.values()) {
      if (body.data.version === 0) continue;
      const list = deposits.get(body.data.deposit_id) ?? [];
      list.push(body);
      deposits.set(body.data.deposit_id, list.sort((a, b) => a.data.version - b.data.version));
    }
    return deposits;
  }

  /** What stands credited after applying every credit and every reversal: id → { to, amount, tx, ordinal }. */
  credited() {
    const standing = new Map();
    for (const [id, events] of this.ledger()) {
      const last = events.at(-1);
      events.forEach((event, i) => {
        if (event.data.version !== i + 1) this.complaints.push(`${id}: version ${i + 1} is missing`);
      });
      if (last.type !== 'deposit.confirmed') continue;
      const { address, amount, tx_hash: tx, log_ordinal: ordinal } = last.data;
      standing.set(id, { to: address, amount: BigInt(amount), tx, ordinal });
    }
    return standing;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
