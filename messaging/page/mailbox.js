// The view of the mails that were put down in the Maildir.

import { read } from "./api.js";
import { by, el, fill, show } from "./dom.js";
import { key } from "./key.js";
import { poll } from "./poll.js";
import { number, timeOf } from "./words.js";

const EVERY_MS = 2000;

let stop = () => {};
let limit = 50;

export const mailboxView = {
  section: "mailbox",
  title: "Mailbox",
  locked: "The mailbox needs a key.",
  enter() {
    stop();
    limit = 50;
    watch();
  },
  leave: () => stop(),
};

export function startMailbox() {
  by("mailbox-older").addEventListener("click", () => {
    limit = Math.min(200, limit + 50);
    watch();
  });
  key.addEventListener("change", lookForMailbox);
  void lookForMailbox();
}

/** There is one only while mails are put down instead of being sent. */
async function lookForMailbox() {
  show(by("mailbox-link"), false);
  if (!key.value) return;
  try {
    show(by("mailbox-link"), (await read("/v1/mailbox?limit=1")).open);
  } catch {
    // None for this key; whatever else is wrong is said by the view that is open.
  }
}

function watch() {
  stop();
  stop = poll(async (signal) => {
    const { open, letters, more } = await read(`/v1/mailbox?limit=${limit}`, signal);
    fill(by("mailbox-list"), ...letters.map(line));
    show(by("mailbox-about"), open);
    show(by("mailbox-none"), open && !letters.length);
    show(by("mailbox-closed"), !open);
    show(by("mailbox-older"), more && limit < 200);
  }, EVERY_MS);
}

function line(letter) {
  return el(
    "li",
    {},
    el("strong", {}, el("a", { href: `#mailbox/${encodeURIComponent(letter.id)}` }, letter.subject || "(no subject)")),
    el("span", { class: "times-line" }, `to ${letter.to}, `, timeOf(letter.put_down_at), `, ${number(letter.bytes)} bytes`),
  );
}
