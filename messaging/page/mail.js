// The view of one mail: what became of it and when, and what can be done.

import { freshId, read, readText, send, write } from "./api.js";
import { announce, by, el, fill, show } from "./dom.js";
import { poll } from "./poll.js";
import { steps } from "./timeline.js";
import { STATES, ahead, badge, timeOf } from "./words.js";

const EVERY_MS = 1000;

/** What can be done to a mail, and in which states. */
const DEEDS = [
  { name: "retry", word: "Try again now", states: ["retrying", "failed"] },
  { name: "cancel", word: "Cancel", states: ["scheduled", "queued", "retrying"] },
  { name: "resend", word: "Send the same again", states: Object.keys(STATES) },
];

let id = "";
let stop = () => {};

export const mailView = {
  section: "mail",
  title: "Mail",
  locked: "To see a mail you need a key.",
  enter(argument) {
    id = argument;
    clear();
    watch();
  },
  leave: () => stop(),
};

export function startMail() {
  by("mail-source").addEventListener("toggle", async () => {
    if (!by("mail-source").open) return;
    const place = by("mail-source").querySelector("pre");
    place.textContent = "…";
    try {
      place.textContent = await readText(`/v1/emails/${id}/source`);
    } catch (error) {
      place.textContent = error.message;
    }
  });
}

function clear() {
  by("mail-source").open = false;
  by("mail-error").textContent = "";
  by("mail-title").textContent = "Mail";
  show(by("mail-remark"), false);
  for (const each of ["mail-state", "mail-deeds", "mail-facts", "mail-times"]) by(each).replaceChildren();
}

function watch() {
  stop();
  let last = null;
  const mine = id;
  stop = poll(async (signal) => {
    const mail = await find(mine, signal);
    if (!mail) return true;
    if (last && last.state !== mail.state) announce(`Now ${mail.state}: ${STATES[mail.state]}.`);
    last = mail;
    showMail(mail);
  }, EVERY_MS);
}

async function find(mine, signal) {
  try {
    return await read(`/v1/emails/${encodeURIComponent(mine)}`, signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    by("mail-error").textContent = "There is no mail of this id; finished ones are removed after RETENTION.";
    return null;
  }
}

function showMail(mail) {
  by("mail-title").textContent = `Mail to ${mail.to}`;
  const due = mail.state === "retrying" || mail.state === "scheduled" ? [`, next attempt ${ahead(mail.due_at)}, `, timeOf(mail.due_at)] : [];
  fill(by("mail-state"), badge(mail.state), ` ${STATES[mail.state]}`, ...due);
  by("mail-remark").textContent = mail.remark ?? "";
  show(by("mail-remark"), mail.remark);
  const deeds = DEEDS.filter((deed) => mail.attempts && deed.states.includes(mail.state));
  fill(by("mail-deeds"), ...deeds.map((deed) => button(deed, mail)));
  fill(by("mail-facts"), ...facts(mail));
  fill(by("mail-times"), ...steps(mail));
}

function button(deed, mail) {
  // The id is there so that it is another button for another mail.
  const attributes = { type: "button", class: "second", "data-of": mail.id, onclick: () => act(deed, mail.id) };
  return el("button", attributes, deed.word);
}

async function act(deed, of) {
  by("mail-error").textContent = "";
  try {
    if (deed.name === "resend") {
      const fresh = await send(`/v1/emails/${of}/resend`, {}, freshId());
      announce("Accepted as a new mail.");
      location.hash = `#mails/${fresh.id}`;
      return;
    }
    showMail(await write(`/v1/emails/${of}/${deed.name}`));
    announce("Done.");
    by("mail-title").focus(); // the button may be gone
  } catch (error) {
    by("mail-error").textContent = error.message;
  }
  watch();
}

function facts(mail) {
  const rows = [["Subject", mail.subject || "(none)"], ["From", mail.from], ["To", mail.to], ["Id", el("code", {}, mail.id)]];
  if (mail.test) rows.push(["Test", "Sent with a test key: not handed to the relay."]);
  return rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
}
