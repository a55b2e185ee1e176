// Money rules against the TRON devnet: thresholds changed under load, whole lives of orders, reversals, the past, acts by
// hand, and what is left of it on paper. `money` is the same on anvil.

import { test } from 'node:test';
import { backScan, byHand, lives } from './lib/order_stories.mjs';
import { thresholds } from './lib/policy_story.mjs';
import { SEED } from './lib/random.mjs';
import { auditHolds, HAND_ACTIONS, movesHouse } from './lib/record_story.mjs';

test(`thresholds lowered and raised under load: the dry run is what happens (E2E_SEED=${SEED})`, (t) => thresholds(t, 'tron'));

test('an order is paid, turned away, withdrawn, too late, reversed and paid again; all orders move to a new daemon', async (t) => {
  await movesHouse(await lives(t, 'tron'), ['shop']);
});

test('payments made before registration are found, live ones meanwhile', (t) => backScan(t, 'tron'));

test('bound, held and released by hand; the audit log holds; registrations move to a new daemon', async (t) => {
  const world = await byHand(t, 'tron');
  await auditHolds(world, HAND_ACTIONS);
  await movesHouse(world, ['shop', 'kiosk']);
});
