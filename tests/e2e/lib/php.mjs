// PHP without a PHP on the machine: the interpreter compiled to WebAssembly, in this process. Scripts of receivers/php
// are run as a web server would run them: a request's body in php://input, its headers in $_SERVER.

import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { loadPHPRuntime, PHP } from '@php-wasm/universal';
import { getPHPLoaderModule } from '@php-wasm/node-8-4';

const SOURCES = fileURLToPath(new URL('../receivers/php', import.meta.url));

/** An interpreter with the receivers in /srv; its files live as long as it does. */
export async function interpreter() {
  const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule()));
  php.mkdir('/srv');
  for (const name of readdirSync(SOURCES)) php.writeFile(`/srv/${name}`, readFileSync(`${SOURCES}/${name}`));
  return php;
}

/** What cases.php prints of these cases, one verdict each. */
export async function phpVerdicts(cases) {
  const php = await interpreter();
  php.writeFile('/srv/cases.jsonl', cases.map((each) => `${JSON.stringify(each)}\n`).join(''));
  const { text, errors, exitCode } = await php.run({ scriptPath: '/srv/cases.php', env: { CASES: '/srv/cases.jsonl' } });
  php.exit();
  if (exitCode !== 0 || errors) throw new Error(`cases.php: ${exitCode} ${errors}${text.slice(-2000)}`);
  return text.trim().split('\n').map((line) => JSON.parse(line));
}

/** One interpreter serves all PHP servers of a test file, one request at a time: a single worker of PHP-FPM. */
const worker = { php: undefined, turn: Promise.resolve(), servers: 0 };

/** receive.php as a server on a free loopback port. */
export class PhpServer {
  static async start({ protocol, secrets, options = {} }) {
    worker.php ??= interpreter();
    const server = new PhpServer(await worker.php, protocol, options);
    server.setSecrets(secrets);
    await new Promise((resolve) => server.http.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${server.http.address().port}/hooks`;
    return server;
  }

  constructor(php, protocol, options) {
    const place = `/srv/${++worker.servers}`;
    this.php = php;
    this.environment = {
      PROTOCOL: protocol, OPTIONS: JSON.stringify(options), SECRETS: `${place}-secrets.txt`, STORE: `${place}-told.db`,
    };
    /** What receive.php booked. */
    this.booked = [];
    this.http = createServer((request, response) => {
      worker.turn = worker.turn.then(() => this.answer(request, response)).catch(() => response.writeHead(500).end());
    });
  }

  setSecrets(secrets) {
    this.php.writeFile(this.environment.SECRETS, secrets.map((each) => `${each}\n`).join(''));
  }

  async answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { text, errors, httpStatusCode } = await this.php.run({
      scriptPath: '/srv/receive.php', relativeUri: '/hooks', method: request.method, headers: request.headers,
      body: new Uint8Array(Buffer.concat(chunks)), env: this.environment,
    });
    for (const line of errors.split('\n').filter((each) => each.startsWith('{'))) this.booked.push(JSON.parse(line));
    response.writeHead(httpStatusCode).end(text);
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
