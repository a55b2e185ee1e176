// A small seeded generator: the same seed gives the same run.

/** Seed of this run: `E2E_SEED`, or drawn from the clock. Tests print it. */
export const SEED = Number(process.env.E2E_SEED ?? Date.now() % 2 ** 32) >>> 0;

/** mulberry32; `next()` is in [0, 1). */
export class Random {
  constructor(seed = SEED) {
    this.state = seed >>> 0;
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [low, high], both included. */
  between(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.between(0, list.length - 1)];
  }

  shuffle(list) {
    const copy = [...list];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.between(0, i);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }

  /** A fresh account address nobody has used. */
  address() {
    let text = '0x';
    for (let i = 0; i < 20; i++) text += this.between(i === 0 ? 1 : 0, 255).toString(16).padStart(2, '0');
    return text;
  }
}
