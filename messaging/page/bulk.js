// Does something to all mails that match the filter; how many that are is shown before.

import { write } from "./api.js";
import { announce, by, show } from "./dom.js";
import { complain } from "./poll.js";
import { count } from "./words.js";

const DEEDS = {
  retry: { button: "retry-all", word: "Retry", done: "will be tried again" },
  cancel: { button: "cancel-all", word: "Cancel", done: "are canceled" },
};

/**
 * Wire the buttons.
 * @param {() => object} filter which mails are meant now.
 * @param {() => void} changed called when mails were changed.
 */
export function startBulk(filter, changed) {
  for (const [name, deed] of Object.entries(DEEDS)) {
    by(deed.button).addEventListener("click", async () => {
      complain("");
      try {
        await doAll(name, deed, filter());
      } catch (error) {
        complain(error.message);
      }
      changed();
    });
  }
}

async function doAll(name, deed, filter) {
  const path = `/v1/emails/${name}`;
  const { left } = await write(path, { ...filter, dry_run: true });
  if (!(await agreed(deed, left, filter))) return;
  // As many as were agreed to, and no more: what is tried again may be back a moment later.
  let changed = 0;
  let step;
  do {
    step = await write(path, filter);
    changed += step.changed;
    announce(`${count(changed, "mail")} so far.`);
  } while (step.left && step.changed && changed < left);
  announce(`${count(changed, "mail")} ${deed.done}.`);
}

/** Ask whether so many are meant. */
function agreed(deed, left, filter) {
  const dialog = by("sure");
  by("sure-title").textContent = left ? `${deed.word} ${count(left, "mail")}?` : `Nothing to ${deed.word.toLowerCase()}`;
  by("sure-words").textContent = `${said(filter)} ${left ? "" : "No mail among them is in a state that allows it."}`;
  by("sure-yes").textContent = `${deed.word} ${count(left, "mail")}`;
  show(by("sure-yes"), left);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function said({ state, to }) {
  if (!state && !to) return "Of all mails.";
  return `Of the mails${state ? ` that are ${state}` : ""}${to ? ` to ${to}` : ""}.`;
}
