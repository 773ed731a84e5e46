// What happened to a mail, step by step, and how long each took.

import { el } from "./dom.js";
import { ahead, answer, between, long, timeOf } from "./words.js";

/** What an attempt's outcome means. */
const OUTCOMES = {
  sent: "the relay took it",
  tested: "composed, as a test",
  refused: "the relay refused it",
  busy: "the relay was busy",
  relay: "the relay itself was the trouble; not charged to this mail",
  ours: "we could not go on; not charged to this mail",
};

/** The steps as list items, the first one first. */
export function steps(mail) {
  const items = [step("accepted", mail.created_at, "stored, and answered")];
  let since = mail.created_at;
  for (const attempt of mail.attempts ?? []) {
    items.push(...ofAttempt(attempt, since));
    since = endOf(attempt);
  }
  // When a worker claimed it is not known before the attempt is over.
  if (mail.state === "sending") items.push(step("claimed", "", "by a worker"));
  items.push(last(mail, since));
  return items.filter(Boolean);
}

function ofAttempt(attempt, since) {
  const waited = long(Math.max(0, between(since, attempt.started_at)));
  const words = el("span", { class: `words ${attempt.outcome}` }, answer(attempt));
  return [
    step("claimed", attempt.started_at, `attempt ${attempt.number}, by a worker after ${waited}`),
    step(OUTCOMES[attempt.outcome] ?? attempt.outcome, endOf(attempt), took(attempt), words, letterOf(attempt)),
  ];
}

function took({ code, connect_ms: connect, transfer_ms: transfer }) {
  if (code === null) return `in ${long(connect + transfer)}`; // nobody was spoken to, or nobody answered
  return `${connect ? `connected in ${long(connect)}` : "on a connection that was open"}, answered in ${long(transfer)}`;
}

/** A link to the mail where it was put down instead of being sent. */
function letterOf(attempt) {
  const file = attempt.outcome === "sent" && attempt.code === null && attempt.reply.match(/\/new\/([^/]+)$/);
  return file ? el("a", { href: `#mailbox/${encodeURIComponent(file[1])}` }, "Read it in the mailbox") : null;
}

function last(mail, since) {
  if (mail.finished_at) {
    const after = long(between(mail.created_at, mail.finished_at));
    return step(mail.state, mail.finished_at, `${after} after it was accepted`);
  }
  if (mail.state === "retrying" || mail.state === "scheduled") return step("next attempt", mail.due_at, ahead(mail.due_at));
  if (mail.state === "sending") return step("being sent", "", "now");
  return step("waiting", "", `for ${long(Math.max(0, between(since, new Date())))}`);
}

const endOf = (attempt) =>
  new Date(Date.parse(attempt.started_at) + attempt.connect_ms + attempt.transfer_ms).toISOString();

function step(name, time, about, ...more) {
  return el("li", {}, el("strong", {}, name), " ", time ? timeOf(time) : "", el("span", { class: "about" }, about), ...more);
}
