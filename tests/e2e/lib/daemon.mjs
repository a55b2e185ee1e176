// The daemon under test: the real binary on a configuration file in a directory of its own.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './anvil.mjs';
import { end, hasEnded, own } from './children.mjs';
import { configText, NETWORK } from './config.mjs';
import { Client } from './grpc.mjs';
import { until } from './wait.mjs';

export const BINARY =
  process.env.DEPOSITD_BIN ?? fileURLToPath(new URL('../../../target/release/depositd', import.meta.url));

/** Characters of the log kept for a failing test. */
const LOG_KEPT = 4_000_000;

export class Daemon {
  /** A directory and a configuration, nothing started yet. `settings` as in `configText`. */
  static async prepare(settings) {
    const dir = mkdtempSync(join(tmpdir(), 'depositd-e2e-'));
    const pages = `127.0.0.1:${await freePort()}`;
    return new Daemon(dir, { dir, pages, ...settings });
  }

  /** The same, started and answering. */
  static async start(settings) {
    const daemon = await Daemon.prepare(settings);
    await daemon.start();
    return daemon;
  }

  constructor(dir, settings) {
    this.dir = dir;
    this.settings = settings;
    this.file = join(dir, 'depositd.toml');
    this.log = '';
    this.starts = 0;
    writeFileSync(join(dir, 'master.key'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
    this.configure(settings);
  }

  /** Writes the configuration anew; the next start reads it. */
  configure(settings) {
    this.settings = { ...this.settings, ...settings };
    writeFileSync(this.file, configText(this.settings));
  }

  get socket() {
    return `unix:${this.dir}/api.sock`;
  }

  spawn() {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([n]) => !n.startsWith('DEPOSITD_')));
    const child = own(spawn(BINARY, ['run', '--config', this.file], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    }));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes) => (this.log = (this.log + bytes).slice(-LOG_KEPT)));
    }
    this.starts++;
    return child;
  }

  /** Starts it and waits until the API answers. */
  async start() {
    this.child = this.spawn();
    this.client ??= new Client(this.socket);
    await until('the API to answer', () => {
      if (hasEnded(this.child)) return true;
      return this.client.call('ListNetworks', {}, { timeoutMs: 500 });
    }, { everyMs: 10 });
    if (hasEnded(this.child)) throw new Error(`the daemon ended with ${this.child.exitCode}:\n${this.tail()}`);
  }

  /** Starts it expecting a refusal: waits for the end and returns { code, signal, text }. */
  async refuses({ timeoutMs = 20_000 } = {}) {
    const before = this.log.length;
    const child = this.spawn();
    try {
      await until('the daemon to refuse to start', () => hasEnded(child), { timeoutMs });
    } finally {
      await end(child);
    }
    return { code: child.exitCode, signal: child.signalCode, text: this.log.slice(before) };
  }

  /** SIGKILL: what a power cut leaves of a process. */
  kill() {
    return end(this.child, 'SIGKILL');
  }

  /** An ordered stop; { code } is 0 if it went well. */
  stop() {
    return end(this.child, 'SIGTERM');
  }

  async network() {
    const { networks } = await this.client.call('ListNetworks', {});
    return networks.find((each) => each.network === NETWORK);
  }

  /** The text of a page, `/metrics`. */
  async page(path) {
    return (await fetch(`http://${this.settings.pages}${path}`)).text();
  }

  /** The network's value of a metric; undefined if there is none. */
  async metric(name) {
    const line = (await this.page('/metrics')).split('\n').find((each) => each.startsWith(`${name}{network="${NETWORK}"`));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }

  /** Waits until the block at `height` is committed and, with a hash, is that block. */
  reaches({ height, hash }, options) {
    return until(`block ${height}${hash ? ` ${hash}` : ''}`, async () => {
      const { cursor } = await this.network();
      return cursor && Number(cursor.height) >= height && (!hash || cursor.hash === hash);
    }, options);
  }

  /** Waits until the daemon stands where `node` stands. */
  async catchesUp(node, options) {
    const block = await node.block(await node.head());
    await this.reaches({ height: Number(block.number), hash: block.hash }, options);
  }

  /** The end of the log, for a person who reads a failed test. */
  tail(lines = 40) {
    return this.log.split('\n').slice(-lines).join('\n');
  }

  /** Ends it and removes its directory. */
  async dispose() {
    this.client?.close();
    if (this.child) await end(this.child);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
