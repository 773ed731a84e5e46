// The view of the mails that were put down in the Maildir.

import { cursorOf, read } from "./api.js";
import { by, el, fill, fillEach, show } from "./dom.js";
import { key } from "./key.js";
import { pause, poll } from "./poll.js";
import { number, timeOf } from "./words.js";

const EVERY_MS = 2000;

/** How long until it is asked again whether there is a mailbox, where there was no answer, in milliseconds. */
const LOOK_AGAIN_MS = 3000;

let stop = () => {};
/** Where the page begins that is shown, and where the next one does. */
let before = "";
let older = "";
/** Aborted when the view is left. */
let visit = AbortSignal.abort();
/** Aborted when there is another key. */
let look = new AbortController();

export const mailboxView = {
  section: "mailbox",
  title: "Mailbox",
  locked: "The mailbox needs a key.",
  enter(_argument, query, signal) {
    visit = signal;
    before = query.get("before") ?? "";
    watch();
  },
  empty() {
    by("mailbox-list").replaceChildren();
    for (const each of ["about", "none", "closed", "older", "newest"]) show(by(`mailbox-${each}`), false);
  },
};

export function startMailbox() {
  by("mailbox-older").addEventListener("click", () => {
    location.hash = `#mailbox?${new URLSearchParams({ before: older })}`;
  });
  by("mailbox-newest").addEventListener("click", () => (location.hash = "#mailbox"));
  key.addEventListener("change", lookForMailbox);
  void lookForMailbox();
}

/** There is one only while mails are put down instead of being sent. */
async function lookForMailbox() {
  look.abort();
  look = new AbortController();
  const { signal } = look;
  show(by("mailbox-link"), false);
  while (key.value && !signal.aborted) {
    try {
      const { open } = await read("/v1/mailbox?limit=1", signal);
      if (!signal.aborted) show(by("mailbox-link"), open);
      return;
    } catch (error) {
      if ([401, 403].includes(error.status)) return; // none for this key
    }
    await pause(LOOK_AGAIN_MS, signal); // what is wrong is said by the view that is open
  }
}

function watch() {
  stop();
  const path = `/v1/mailbox?${new URLSearchParams({ limit: 50, ...(before && { before }) })}`;
  stop = poll(async (signal) => {
    const { open, letters, next } = await read(path, signal);
    older = cursorOf(next);
    fillEach(by("mailbox-list"), "li", letters.map((letter) => [letter.id, letter]), showLine);
    show(by("mailbox-about"), open);
    show(by("mailbox-none"), open && !letters.length && !before);
    show(by("mailbox-closed"), !open);
    show(by("mailbox-older"), older);
    show(by("mailbox-newest"), before);
  }, EVERY_MS, visit);
}

function showLine(line, letter) {
  fill(
    line,
    el("strong", {}, el("a", { href: `#mailbox/${encodeURIComponent(letter.id)}` }, letter.subject || "(no subject)")),
    el("span", { class: "times-line" }, `to ${letter.to}, `, timeOf(letter.put_down_at), `, ${number(letter.bytes)} bytes`),
  );
}
