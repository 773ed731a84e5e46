// The view of one mail of the mailbox, as its receiver would read it.

import { read } from "./api.js";
import { by, el, fill } from "./dom.js";
import { frame } from "./frame.js";
import { complain } from "./poll.js";
import { number, timeOf } from "./words.js";

export const letterView = {
  section: "letter",
  title: "Mailbox",
  locked: "The mailbox needs a key.",
  enter(id, _query, visit) {
    empty();
    void open(id, visit);
  },
  empty,
};

function empty() {
  by("letter-title").textContent = "Mail";
  by("letter-facts").replaceChildren();
  by("letter-body").replaceChildren();
}

async function open(id, visit) {
  try {
    const letter = await read(`/v1/mailbox/${encodeURIComponent(id)}`, visit);
    if (!visit.aborted) showLetter(letter);
  } catch (error) {
    if (!visit.aborted) complain(error.message);
  }
}

function showLetter(letter) {
  by("letter-title").textContent = letter.subject || "(no subject)";
  const rows = [["From", letter.from], ["To", letter.to], ["Put down", timeOf(letter.put_down_at)]];
  if (letter.reply_to) rows.push(["Reply to", letter.reply_to]);
  if (letter.attachments.length) rows.push(["Attachments", letter.attachments.map(named).join(", ")]);
  fill(by("letter-facts"), ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  const text = el("pre", { tabindex: "0", "aria-label": "Text" }, letter.text);
  if (letter.html) by("letter-body").append(el("h2", {}, "As HTML"), frame(letter.html), el("h2", {}, "As text"));
  by("letter-body").append(text);
}

const named = ({ name, bytes }) => `${name || "(no name)"}, ${number(bytes)} bytes`;
