// server.mjs PROTOCOL PORT SECRETS_FILE STORE_FILE [OPTIONS]   behind whatever ends your TLS
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Store } from './store.mjs';

const [protocol, port, secretsFile, storeFile, options = '{}'] = process.argv.slice(2);
const { ANSWER, verify } = await import(`./${protocol}.mjs`);
const store = new Store(storeFile);

/** What is answered: [status, text]. */
function take(headers, raw) {
  const secrets = readFileSync(secretsFile, 'utf8').split('\n').filter(Boolean); // one a line; two during a rotation
  let event;
  try {
    event = verify(headers, raw, secrets, Date.now() / 1000, JSON.parse(options));
  } catch (refused) {
    return [401, refused.message];
  }
  if (store.isNews(event)) console.log(JSON.stringify(event)); // book it here
  return ANSWER;
}

createServer(async (request, response) => {
  try {
    const chunks = [];
    let size = 0;
    for await (const chunk of request) {
      if ((size += chunk.length) > 65536) throw new Error('too long');
      chunks.push(chunk);
    }
    const [status, text] = take(request.headers, Buffer.concat(chunks));
    response.writeHead(status).end(text);
  } catch {
    response.writeHead(500).end(); // it will come again
  }
}).listen(Number(port), '127.0.0.1');
