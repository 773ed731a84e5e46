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

/** States that a mail comes into by its last attempt. */
const ENDED = ["retrying", "sent", "tested", "failed"];

/** The steps as list items, the first one first. */
export function steps(mail) {
  const attempts = mail.attempts ?? [];
  const items = [step("accepted", mail.created_at, "stored, and answered")];
  let since = mail.created_at;
  const add = (until, ...made) => {
    items.push(...made);
    since = until;
  };
  const addAll = (some) => some.forEach((attempt) => add(endOf(attempt), ...ofAttempt(attempt, since)));
  const before = mail.published_at ? triedAfter(mail, attempts) : 0;
  addAll(attempts.slice(0, before));
  if (mail.published_at) add(mail.published_at, ofPublish(mail, since));
  addAll(attempts.slice(before));
  // When a worker claimed it is not known before the attempt is over.
  if (mail.state === "sending") items.push(step("claimed", "", "by a worker"));
  return [...items, last(mail, since)];
}

/** The number of the attempt, from 0 on, that the mail was last published for; of the next one if that has not ended. */
function triedAfter({ state, published_at: published }, attempts) {
  const at = attempts.findIndex((attempt) => endOf(attempt) >= published);
  if (at >= 0) return at;
  // A worker may be done with it before the broker's confirm is here.
  return attempts.length - (ENDED.includes(state) && attempts.length ? 1 : 0);
}

function ofPublish({ published_at: published }, since) {
  return step("published", published, `in the workers' queue after ${waited(since, published)}`);
}

function ofAttempt(attempt, since) {
  const { outcome, code, started_at: began, connect_ms: connect, transfer_ms: transfer } = attempt;
  const words = el("span", { class: `words ${outcome}` }, answer(attempt));
  const how = connect ? `in ${long(connect)}` : "at once: the connection was open";
  const took = `in ${long(code === null ? connect + transfer : transfer)}`;
  return [
    step("claimed", began, `attempt ${attempt.number}, by a worker after ${waited(since, began)}`),
    ...(code === null ? [] : [step("connected", later(began, connect), how)]), // else nobody was spoken to, or nobody answered
    step(OUTCOMES[outcome] ?? outcome, endOf(attempt), took, words, letterOf(attempt)),
  ];
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
  return step("waiting", "", `for ${waited(since, new Date())}`);
}

/** How long something took, also where a clock was set back. */
const waited = (from, to) => long(Math.max(0, between(from, to)));

const later = (time, ms) => new Date(Date.parse(time) + ms).toISOString();

const endOf = (attempt) => later(attempt.started_at, attempt.connect_ms + attempt.transfer_ms);

function step(name, time, about, ...more) {
  return el("li", {}, el("strong", {}, name), " ", time ? timeOf(time) : "", el("span", { class: "about" }, about), ...more);
}
