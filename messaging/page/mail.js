// The view of one mail: what became of it and when, and what can be done.

import { freshId, read, readText, send, write } from "./api.js";
import { announce, by, el, fill, show } from "./dom.js";
import { poll } from "./poll.js";
import { steps } from "./timeline.js";
import { ALLOWED, STATES, ahead, badge, timeOf, withTimes } from "./words.js";

const EVERY_MS = 1000;

/** What can be done to a mail. */
const DEEDS = { retry: "Try again now", cancel: "Cancel", resend: "Send the same again" };

let id = "";
/** Aborted when this mail's view is left. */
let visit = AbortSignal.abort();
let stop = () => {};

/** Whether a deed was asked for and is not answered yet. */
let asking = false;

/** The id of each wish to send a mail again: asked anew after an answer was lost it is the same, and makes one mail. */
const wishes = new Map();

export const mailView = {
  section: "mail",
  title: "Mail",
  locked: "To see a mail you need a key.",
  enter(argument, _query, signal) {
    id = argument;
    visit = signal;
    clear();
    watch();
  },
  empty() {
    wishes.clear();
    clear();
  },
};

export function startMail() {
  by("mail-source").addEventListener("toggle", async () => {
    if (!by("mail-source").open) return;
    const here = visit;
    by("mail-text").textContent = "…";
    const words = await readText(`/v1/emails/${encodeURIComponent(id)}/source`, here).catch((error) => error.message);
    if (!here.aborted) by("mail-text").textContent = words;
  });
}

function clear() {
  by("mail-source").open = false;
  by("mail-text").textContent = "";
  by("mail-error").textContent = "";
  by("mail-title").textContent = "Mail";
  show(by("mail-remark"), false);
  show(by("mail-partly"), false);
  for (const each of ["mail-remark", "mail-state", "mail-deeds", "mail-facts", "mail-times"]) by(each).replaceChildren();
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
  }, EVERY_MS, visit);
}

async function find(mine, signal) {
  try {
    return await read(`/v1/emails/${encodeURIComponent(mine)}`, signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    if (!signal.aborted) by("mail-error").textContent = "There is no mail of this id; finished ones are removed after RETENTION.";
    return null;
  }
}

function showMail(mail) {
  by("mail-title").textContent = `Mail to ${mail.to}`;
  const due = mail.state === "retrying" || mail.state === "scheduled" ? [`, next attempt ${ahead(mail.due_at)}, `, timeOf(mail.due_at)] : [];
  fill(by("mail-state"), badge(mail.state), ` ${STATES[mail.state]}`, ...due);
  fill(by("mail-remark"), ...withTimes(mail.remark ?? ""));
  show(by("mail-remark"), mail.remark);
  const deeds = Object.keys(DEEDS).filter((deed) => mail.attempts && ALLOWED[deed].includes(mail.state));
  fill(by("mail-deeds"), ...deeds.map((deed) => button(deed, mail)));
  fill(by("mail-facts"), ...facts(mail));
  fill(by("mail-times"), ...steps(mail));
  // A key that sees other mails sees the state and times of this one.
  const whole = Boolean(mail.attempts);
  show(by("mail-source"), whole);
  show(by("mail-partly"), !whole);
}

function button(deed, mail) {
  // The id is there so that it is another button for another mail. (One that is `disabled` would lose the focus.)
  const attributes = { type: "button", class: "second", "data-of": mail.id, "aria-disabled": asking && "true" };
  return el("button", { ...attributes, onclick: () => act(deed, mail.id) }, DEEDS[deed]);
}

async function act(deed, of) {
  if (asking) return;
  const here = visit;
  by("mail-error").textContent = "";
  setAsking(true);
  try {
    const mail = deed === "resend" ? await resend(of) : await write(`/v1/emails/${of}/${deed}`);
    setAsking(false);
    if (!here.aborted) showDone(deed, mail);
  } catch (error) {
    setAsking(false);
    if (!here.aborted) by("mail-error").textContent = error.message;
  }
  watch();
}

function setAsking(now) {
  asking = now;
  for (const each of by("mail-deeds").children) {
    if (now) each.setAttribute("aria-disabled", "true");
    else each.removeAttribute("aria-disabled");
  }
}

async function resend(of) {
  if (!wishes.has(of)) wishes.set(of, freshId());
  const fresh = await send(`/v1/emails/${of}/resend`, {}, wishes.get(of));
  wishes.delete(of);
  return fresh;
}

function showDone(deed, mail) {
  if (deed === "resend") {
    announce("Accepted as a new mail.");
    location.hash = `#mails/${mail.id}`;
    return;
  }
  showMail(mail);
  announce("Done.");
  by("mail-title").focus(); // the button may be gone
}

function facts(mail) {
  const rows = [["To", mail.to], ["Id", el("code", {}, mail.id)]];
  if (mail.attempts) rows.unshift(["Subject", mail.subject || "(none)"], ["From", mail.from]);
  if (mail.test) rows.push(["Test", "Sent with a test key: not handed to the relay."]);
  return rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
}
