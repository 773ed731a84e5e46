// Does something to all mails that match the filter; how many that are is shown before.

import { write } from "./api.js";
import { by, show } from "./dom.js";
import { key } from "./key.js";
import { ALLOWED, count, number } from "./words.js";

const DEEDS = {
  retry: { button: "retry-all", word: "Retry", done: "will be tried again" },
  cancel: { button: "cancel-all", word: "Cancel", done: "canceled" },
};

/** Mails that one request changes at the most. */
const MOST_AT_ONCE = 10000;

let running = false;
let offered = { state: "", differs: false, visit: AbortSignal.abort() };

/**
 * Wire the buttons.
 * @param {() => object} filter which mails are meant now.
 * @param {() => void} changed called when mails were changed.
 */
export function startBulk(filter, changed) {
  for (const [name, deed] of Object.entries(DEEDS)) {
    by(deed.button).addEventListener("click", async () => {
      if (running || offered.differs) return;
      run(true);
      try {
        await doAll(name, deed, filter(), offered.visit);
      } finally {
        run(false);
      }
      changed();
    });
  }
}

/**
 * Show what can be done.
 * @param {string} state that is filtered by, or "".
 * @param {boolean} differs whether what is typed is not what is listed: then it is not clear what is meant.
 * @param {AbortSignal} visit aborted when the list is left: then nobody is asked any more.
 */
export function offerBulk(state, differs, visit) {
  offered = { state, differs, visit };
  const fitting = Object.keys(DEEDS).filter((name) => !state || ALLOWED[name].includes(state));
  for (const [name, { button }] of Object.entries(DEEDS)) {
    show(by(button), fitting.includes(name));
    by(button).setAttribute("aria-disabled", running || differs); // one that is `disabled` would lose the focus
  }
  show(by("bulk-differs"), differs && fitting.length);
}

/** Say how it goes where everybody sees it; "" for nothing. */
export function sayBulk(words) {
  by("bulk-said").textContent = words;
}

/** Take back a question that was not answered. */
export function emptyBulk() {
  sayBulk("");
  by("sure").close("no");
  for (const each of ["sure-title", "sure-words", "sure-yes"]) by(each).textContent = "";
}

function run(now) {
  running = now;
  offerBulk(offered.state, offered.differs, offered.visit);
}

async function doAll(name, deed, filter, visit) {
  const path = `/v1/emails/${name}`;
  const used = key.value;
  let changed = 0;
  sayBulk("");
  try {
    const { left: agreed, before } = await write(path, { ...filter, dry_run: true });
    if (key.value !== used || visit.aborted || !(await isAgreed(deed, agreed, filter, visit))) return;
    // Those that were agreed to, and no more: others may have come since, and what is tried again may be back at once.
    const bound = { ...filter, ...(before && { before }) };
    let after = null;
    do {
      sayBulk(`${number(changed)} of ${count(agreed, "mail")} so far…`);
      const limit = Math.min(MOST_AT_ONCE, agreed - changed);
      const step = await write(path, { ...bound, limit, ...(after && { after }) });
      changed += step.changed;
      after = step.after;
      // The answer itself says what was done and what broke then; whether the next one would get through is a guess.
      if (step.trouble && key.value === used) return sayBulk(`Stopped after ${count(changed, "mail")}: ${step.trouble}.`);
    } while (after && changed < agreed && key.value === used);
    if (key.value === used) sayBulk(`${count(changed, "mail")} ${deed.done}.`);
  } catch (error) {
    if (error.status === undefined) throw error; // a bug of ours, for the console
    if (key.value === used) sayBulk(`${changed ? `Stopped after ${count(changed, "mail")}. ` : ""}${error.message}`);
  }
}

/** Ask whether so many are meant; who leaves does not mean them. */
function isAgreed(deed, left, filter, visit) {
  const dialog = by("sure");
  by("sure-title").textContent = left ? `${deed.word} ${count(left, "mail")}?` : `Nothing to ${deed.word.toLowerCase()}`;
  by("sure-words").textContent = `${said(filter)} ${left ? "" : "No mail among them is in a state that allows it."}`;
  by("sure-yes").textContent = `${deed.word} ${count(left, "mail")}`;
  show(by("sure-yes"), left);
  dialog.returnValue = "no";
  dialog.showModal();
  visit.addEventListener("abort", () => dialog.close("no"), { once: true });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function said({ state, to }) {
  if (!state && !to) return "Of all mails.";
  return `Of the mails${state ? ` that are ${state}` : ""}${to ? ` to ${to}` : ""}.`;
}
