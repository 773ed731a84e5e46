// Asks again and again while somebody looks.

import { by } from "./dom.js";

/**
 * Run a task again and again until it is stopped; what it throws is shown, and tried again later.
 * @param {(signal: AbortSignal) => Promise<boolean|number|void>} task ends the asking by returning true, and has the next
 *   time wait for longer by returning milliseconds.
 * @param {number} pauseMs between two times, at the least.
 * @param {AbortSignal} visit stops it, too: when the view is left.
 * @returns {() => void} stops it, also in the middle.
 */
export function poll(task, pauseMs, visit) {
  const controller = new AbortController();
  if (visit.aborted) return () => {};
  visit.addEventListener("abort", () => controller.abort(), { once: true });
  void run(task, pauseMs, controller.signal);
  return () => controller.abort();
}

/** The longest pauses, in milliseconds: after a failure, and one that a task may ask for. */
const MOST_PAUSE_MS = 5000;
const MOST_REST_MS = 60000;

async function run(task, pauseMs, signal) {
  let failures = 0;
  while (!signal.aborted) {
    let pauseNowMs = pauseMs;
    try {
      const said = await task(signal);
      if (said === true) return;
      pauseNowMs = Math.max(pauseMs, Math.min(MOST_REST_MS, said ?? 0));
      if (failures && !signal.aborted) complain("");
      failures = 0;
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
      if (error.status === undefined) throw error; // a bug of ours, for the console
      failures += 1;
      pauseNowMs = Math.min(MOST_PAUSE_MS, pauseMs * 2 ** (failures - 1));
      complain(error.message);
    }
    await pause(pauseNowMs, signal);
    await seen(signal);
  }
}

/** Say what broke above the view; "" when it is whole again. */
export function complain(words) {
  const place = by("trouble");
  if (place.textContent !== words) place.textContent = words;
  place.hidden = !words;
}

/** Wait so many milliseconds, or until it is stopped. */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Wait until the page can be seen, or until it is stopped. */
export function seen(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true, signal });
    signal.addEventListener("abort", resolve, { once: true });
  });
}
