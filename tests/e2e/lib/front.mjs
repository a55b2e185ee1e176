// A merchant's front door: keeps every request as it came, hands it to the three receivers of the guide, and answers what
// they agree on, or what a test would rather have answered.

import { createServer } from 'node:http';
import { RECEIVER_LANGUAGES, startReceiver } from './receivers.mjs';

export class Front {
  /** `module`, `secrets` and `options` as the receivers take them. */
  static async start(module, secrets, options = {}) {
    const receivers = await Promise.all(
      RECEIVER_LANGUAGES.map((language) => startReceiver(language, { protocol: module, secrets, options })),
    );
    const front = new Front(module, options, receivers);
    await new Promise((resolve) => front.server.listen(0, '127.0.0.1', resolve));
    front.port = front.server.address().port;
    front.url = `http://127.0.0.1:${front.port}/hooks`;
    return front;
  }

  constructor(module, options, receivers) {
    Object.assign(this, { module, options, receivers });
    /** { path, headers, raw, at, answers, answered }, in the order of arrival. */
    this.requests = [];
    /** [status, text] to answer to the next requests instead of the receivers' word. */
    this.instead = [];
    this.complaints = [];
    this.server = createServer((request, response) => {
      this.take(request).then(
        ([status, text]) => response.writeHead(status).end(text),
        (error) => {
          this.complaints.push(error.message);
          response.writeHead(500).end();
        },
      );
    });
  }

  async take(request) {
    const at = Date.now();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const headers = { ...request.headers };
    for (const own of ['host', 'connection', 'content-length', 'transfer-encoding']) delete headers[own];
    const answers = await Promise.all(this.receivers.map(async ({ url }) => {
      const answer = await fetch(url, { method: 'POST', headers, body: raw });
      return [answer.status, await answer.text()];
    }));
    const [answer] = answers;
    if (answers.some((each) => String(each) !== String(answer))) this.complaints.push(`they disagree: ${JSON.stringify(answers)}`);
    if (answer[0] > 299) this.complaints.push(`refused: ${answer[1]}: ${raw}`);
    const answered = this.instead.shift() ?? answer;
    this.requests.push({ path: request.url, headers, raw, at, answers, answered });
    return answered;
  }

  setSecrets(secrets) {
    for (const receiver of this.receivers) receiver.setSecrets(secrets);
  }

  /** What each of the three has booked so far. */
  booked() {
    return this.receivers.map((receiver) => receiver.booked);
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await Promise.all(this.receivers.map((receiver) => receiver.stop()));
  }
}
