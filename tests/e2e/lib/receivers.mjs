// The receivers of the guide as servers: the merchants of a test, in three languages behind one face.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './anvil.mjs';
import { end, hasEnded, own } from './children.mjs';
import { PhpServer } from './php.mjs';
import { until } from './wait.mjs';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const COMMANDS = {
  python: [path('.venv/bin/python'), path('receivers/python/server.py')],
  node: [process.execPath, path('receivers/node/server.mjs')],
};

/** server.py or server.mjs in a process and a directory of its own. */
class ProcessServer {
  static async start(language, { protocol, secrets, options = {} }) {
    const server = new ProcessServer(mkdtempSync(join(tmpdir(), 'receiver-')));
    server.setSecrets(secrets);
    const port = await freePort();
    server.url = `http://127.0.0.1:${port}/hooks`;
    const files = [join(server.dir, 'secrets.txt'), join(server.dir, 'told')];
    const [command, script] = COMMANDS[language];
    server.child = own(spawn(command, [script, protocol, String(port), ...files, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' },
    }));
    server.child.stdout.on('data', (bytes) => (server.printed += bytes));
    server.child.stderr.on('data', (bytes) => (server.log += bytes));
    await until(`the ${language} receiver`, async () => {
      if (hasEnded(server.child)) return true;
      await fetch(server.url, { method: 'POST' });
      return true;
    }, { everyMs: 20 });
    if (hasEnded(server.child)) throw new Error(`the ${language} receiver ended: ${server.log}`);
    return server;
  }

  constructor(dir) {
    this.dir = dir;
    this.printed = '';
    this.log = '';
  }

  /** What the server booked, in its order. */
  get booked() {
    return this.printed.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  setSecrets(secrets) {
    writeFileSync(join(this.dir, 'secrets.txt'), secrets.map((each) => `${each}\n`).join(''));
  }

  async stop() {
    await end(this.child);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const RECEIVER_LANGUAGES = ['python', 'node', 'php'];

/** A receiver of `protocol` with { secrets, options }: { url, booked, setSecrets, stop }. */
export const startReceiver = (language, settings) =>
  language === 'php' ? PhpServer.start(settings) : ProcessServer.start(language, settings);
