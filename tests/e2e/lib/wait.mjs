// Waiting for something to become true, with an end and a name.

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Calls `probe` until it returns something truthy and hands that back.
 * Errors of the probe count as "not yet"; the last one is told when time is up.
 */
export async function until(what, probe, { timeoutMs = 20_000, everyMs = 50 } = {}) {
  const end = Date.now() + timeoutMs;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${timeoutMs} ms for ${what}${last ? `; last: ${last.message ?? last}` : ''}`);
    }
    await sleep(everyMs);
  }
}
