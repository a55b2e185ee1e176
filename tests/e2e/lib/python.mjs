// Runs the Python clients with the interpreter that has the pinned requirements.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { own } from './children.mjs';

const PYTHON = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));

/** Runs py/<script> and returns what it printed; anything but exit code 0 is thrown with its stderr. */
export function python(script, args = [], input = '') {
  const child = own(spawn(PYTHON, [fileURLToPath(new URL(`../py/${script}`, import.meta.url)), ...args]));
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => (out.stdout += bytes));
  child.stderr.on('data', (bytes) => (out.stderr += bytes));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(out.stdout) : reject(new Error(`${script}: ${code}\n${out.stderr}`))));
  });
}

/** Judges notifications { secret, headers, text } with PyPI's standardwebhooks: one verdict each. */
export async function verdicts(cases) {
  const lines = cases.map((each) => JSON.stringify(each)).join('\n');
  return (await python('verify.py', [], `${lines}\n`)).trim().split('\n');
}
