// A mail's own line, which follows it through its states.

import { read } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { key } from "./key.js";
import { pause, seen } from "./poll.js";
import { ahead, answer, badge, between, long, timeOf, withTimes } from "./words.js";

/** Milliseconds between two looks: at first often, then less and less. */
const FIRST_MS = 120;
const LAST_MS = 4000;

/** Mails that are not final, as they were seen last, by their lines. */
const followed = new Map();
/** Aborted when nobody looks at the lines. */
let visit = AbortSignal.abort();

/**
 * Keep a line up to date until its mail is final, or the line is gone.
 * @param {HTMLElement} line
 * @param {object} mail as it was accepted.
 */
export function followMail(line, mail) {
  showMail(line, mail);
  announce(`Accepted: mail to ${mail.to}.`);
  followed.set(line, mail);
  void follow(line, visit);
}

/** Go on with all lines, until the view that they are in is left. */
export function followAll(signal) {
  visit = signal;
  for (const line of followed.keys()) void follow(line, signal);
}

async function follow(line, signal) {
  for (let pauseMs = FIRST_MS; followed.has(line); pauseMs = Math.min(LAST_MS, pauseMs * 1.3)) {
    await pause(pauseMs, signal);
    await seen(signal);
    if (signal.aborted) return;
    if (line.isConnected) await look(line, signal);
    else followed.delete(line);
  }
}

async function look(line, signal) {
  const before = followed.get(line);
  try {
    // Without a key the answer masks the address that was typed here.
    const now = { ...(await read(`/v1/emails/${before.id}`, signal)), to: before.to };
    if (signal.aborted || !line.isConnected) return;
    showMail(line, now);
    if (now.state !== before.state) announce(`Mail to ${now.to}: ${now.state}. ${lastWords(now)}`);
    if (now.final) followed.delete(line);
    else followed.set(line, now);
  } catch (error) {
    if (!signal.aborted) showTrouble(line, before, error.message);
  }
}

function showMail(line, mail) {
  const to = key.value ? el("a", { href: `#mails/${mail.id}` }, mail.to) : el("span", {}, mail.to);
  fill(line, badge(mail.state), el("strong", {}, to), times(mail), words(mail));
}

function showTrouble(line, mail, trouble) {
  fill(line, badge(mail.state), el("strong", {}, mail.to), times(mail), el("span", { class: "words" }, trouble));
}

function times(mail) {
  const parts = el("span", { class: "times-line" }, "accepted ", timeOf(mail.created_at));
  if (mail.finished_at) parts.append(`, ${mail.state} after ${long(between(mail.created_at, mail.finished_at))}`);
  else if (mail.state === "retrying" && mail.due_at) parts.append(`, tried again ${ahead(mail.due_at)}`);
  return parts;
}

function words(mail) {
  const text = [lastWords(mail), mail.remark ?? ""];
  const said = text.filter(Boolean).join("; ");
  return said ? el("span", { class: "words" }, ...withTimes(said)) : null;
}

function lastWords(mail) {
  const last = mail.attempts?.at?.(-1);
  return last ? answer(last) : "";
}
