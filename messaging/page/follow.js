// A mail's own line, which follows it through its states.

import { read } from "./api.js";
import { announce, el, fill } from "./dom.js";
import { key } from "./key.js";
import { ahead, answer, badge, between, long, timeOf, withTimes } from "./words.js";

/** Milliseconds between two looks: at first often, then less and less. */
const FIRST_MS = 120;
const LAST_MS = 4000;

/**
 * Keep a line up to date until its mail is final, or the line is gone.
 * @param {HTMLElement} line
 * @param {object} mail as it was accepted.
 */
export function followMail(line, mail) {
  showMail(line, mail);
  announce(`Accepted: mail to ${mail.to}.`);
  void look(line, mail, FIRST_MS);
}

async function look(line, mail, pauseMs) {
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  if (!line.isConnected) return;
  let now = mail;
  try {
    // Without a key the answer masks the address that was typed here.
    now = { ...(await read(`/v1/emails/${mail.id}`)), to: mail.to };
    if (!line.isConnected) return;
    showMail(line, now);
    if (now.state !== mail.state) announce(`Mail to ${mail.to}: ${now.state}. ${lastWords(now)}`);
  } catch (error) {
    showTrouble(line, mail, error.message);
  }
  if (!now.final) void look(line, now, Math.min(LAST_MS, pauseMs * 1.3));
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
  const text = [mail.repeated ? "accepted before, and not sent again" : "", lastWords(mail), mail.remark ?? ""];
  const said = text.filter(Boolean).join("; ");
  return said ? el("span", { class: "words" }, ...withTimes(said)) : null;
}

function lastWords(mail) {
  const last = mail.attempts?.at?.(-1);
  return last ? answer(last) : "";
}
