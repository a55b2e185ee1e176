// Two published verifiers, neither of them ours, judge a notification.

import assert from 'node:assert/strict';
import { Webhook } from 'standardwebhooks';
import { verdicts } from './python.mjs';
import { SECRET } from './scene.mjs';

/** npm's and PyPI's verifier accept the request as it came, and refuse it with `from` in its text become `to`. */
export async function verifiersAgree({ headers, text }, from, to) {
  assert.ok(text.includes(from), `${from} is in the text`);
  const changed = text.replace(from, to);
  new Webhook(SECRET).verify(text, headers);
  assert.throws(() => new Webhook(SECRET).verify(changed, headers));
  const [good, bad] = await verdicts([text, changed].map((body) => ({ secret: SECRET, headers, text: body })));
  assert.equal(good, 'ok');
  assert.match(bad, /^refused: /);
}
