import { fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** What has been told, in a file that only grows; for one process. With a database: the table of store.py. */
export class Store {
  constructor(path) {
    this.told = new Map();
    this.file = openSync(path, 'a+');
    for (const line of readFileSync(path, 'utf8').split('\n').filter((text) => text.endsWith(']'))) {
      const [key, state, at] = JSON.parse(line);
      this.told.set(key, { state, at });
    }
  }

  /** False for a repeat, and for what is older than what is known. On the disk when it returns. */
  isNews({ key, state, at }) {
    const known = this.told.get(key);
    if (known && (known.state === state || known.at > at)) return false;
    writeSync(this.file, `\n${JSON.stringify([key, state, at])}`);
    fsyncSync(this.file);
    this.told.set(key, { state, at });
    return true;
  }
}
