/**
 * Runs something in one tab of this browser at a time. `navigator.locks` does that, but exists on secure origins
 * only; over plain HTTP, as in a local network, a lease in the storage that all tabs share takes its place.
 */

type Lease = { owner: string; until: number };

/** A tab that is closed in the middle keeps the others waiting for this long. */
const LEASE_MS = 15_000;
const EXTEND_MS = 5_000;
/** Two tabs may write at the same moment, and see each other's writing a moment later only; the last one has it. */
const SETTLE_MS = 50;
const LOOK_AGAIN_MS = 100;

export function exclusively<T>(name: string, run: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request(name, run) : withLease(name, run);
}

async function withLease<T>(name: string, run: () => Promise<T>): Promise<T> {
  const owner = `${Date.now()}-${Math.random()}`;
  const extend = () => write(name, { owner, until: Date.now() + LEASE_MS });
  do {
    while (isHeld(read(name))) await pause(LOOK_AGAIN_MS);
    // Without storage there is nothing to keep the tabs apart by.
    if (!extend()) return run();
    await pause(SETTLE_MS);
  } while (read(name)?.owner !== owner);
  const extension = setInterval(extend, EXTEND_MS);
  try {
    return await run();
  } finally {
    clearInterval(extension);
    if (read(name)?.owner === owner) remove(name);
  }
}

/** One that would end later than any lease can was written under another clock. */
function isHeld(lease: Lease | null): boolean {
  const left = lease ? lease.until - Date.now() : 0;
  return left > 0 && left <= LEASE_MS;
}

function read(name: string): Lease | null {
  try {
    const lease = JSON.parse(localStorage.getItem(name) ?? "null") as Partial<Lease> | null;
    return typeof lease?.owner === "string" && typeof lease.until === "number" ? (lease as Lease) : null;
  } catch {
    return null;
  }
}

function write(name: string, lease: Lease): boolean {
  try {
    localStorage.setItem(name, JSON.stringify(lease));
    return true;
  } catch {
    return false;
  }
}

function remove(name: string): void {
  try {
    localStorage.removeItem(name);
  } catch {
    // It ends by itself.
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
