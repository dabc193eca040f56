/**
 * Whether single keys are shortcuts. Who speaks to a computer, or presses keys by accident, must be able to turn
 * them off (WCAG 2.1.4). A matter of this browser, so it is kept in it.
 */
const STORAGE_KEY = "runner-pilot.single-keys";
const OFF = "off";

let isOn = read();
const listeners = new Set<() => void>();

function read(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) !== OFF;
  } catch {
    return true;
  }
}

function tell(next: boolean): void {
  if (next === isOn) return;
  isOn = next;
  for (const listener of listeners) listener();
}

// Another tab has changed it; `key` is null when everything was cleared.
if (typeof window !== "undefined") {
  window.addEventListener("storage", ({ key }) => {
    if (key === STORAGE_KEY || key === null) tell(read());
  });
}

export const singleKeys = {
  get: (): boolean => isOn,
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
  set(next: boolean): void {
    try {
      if (next) localStorage.removeItem(STORAGE_KEY);
      else localStorage.setItem(STORAGE_KEY, OFF);
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
    tell(next);
  },
};
