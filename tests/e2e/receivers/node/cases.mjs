// Judges cases for the tests: one JSON object a line in, one out. A case with a `store` is also looked up there.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Store } from './store.mjs';

const dir = mkdtempSync(join(tmpdir(), 'receivers-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const stores = new Map();

function judge({ verify }, { headers, raw, secrets, now, options, store }) {
  let event;
  try {
    event = verify(headers, Buffer.from(raw, 'base64'), secrets, now, options);
  } catch (refused) {
    return { refused: refused.message };
  }
  if (store === undefined) return event;
  if (!stores.has(store)) stores.set(store, new Store(join(dir, String(stores.size))));
  return { ...event, news: stores.get(store).isNews(event) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const one = JSON.parse(line);
  console.log(JSON.stringify(judge(await import(`./${one.module}.mjs`), one)));
}
