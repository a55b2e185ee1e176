// Processes started by a test die with it, also when it fails half-way.

const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

// The test runner ends a file that takes too long with this signal.
process.once('SIGTERM', () => process.exit(143));

/** Remembers `child` until it ends. */
export function own(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export const hasEnded = (child) => child.exitCode !== null || child.signalCode !== null;

/** Sends `signal` and waits for the end; returns { code, signal }. */
export async function end(child, signal = 'SIGKILL') {
  if (!hasEnded(child)) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }
  return { code: child.exitCode, signal: child.signalCode };
}
