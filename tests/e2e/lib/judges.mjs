// The receivers of tests/e2e/receivers as judges: one process a language, one JSON object a line, in and out.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { own } from './children.mjs';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Verdicts of `command` on these cases, in their order; anything but exit code 0 is thrown with its stderr. */
function ask(command, args, cases) {
  const child = own(spawn(command, args, { env: { ...process.env, PYTHONIOENCODING: 'utf-8', PYTHONDONTWRITEBYTECODE: '1' } }));
  const out = { stdout: [], stderr: [] };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (bytes) => out[name].push(bytes));
  // A judge that ends early is told by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(cases.map((each) => `${JSON.stringify(each)}\n`).join(''));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0) return reject(new Error(`${command}: ${code}\n${Buffer.concat(out.stderr)}`));
      return resolve(Buffer.concat(out.stdout).toString().trim().split('\n').map((line) => JSON.parse(line)));
    });
  });
}

export const pythonVerdicts = (cases) => ask(path('.venv/bin/python'), [path('receivers/python/cases.py')], cases);
export const nodeVerdicts = (cases) => ask(process.execPath, [path('receivers/node/cases.mjs')], cases);
