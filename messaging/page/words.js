// Times, lengths of time and states, in words.

import { el } from "./dom.js";

/** What each state means, in a few words. */
export const STATES = {
  scheduled: "waits for its time",
  queued: "waits for a worker",
  sending: "a worker speaks with the relay",
  retrying: "will be tried again",
  sent: "the relay has taken it",
  tested: "composed, and not handed to the relay",
  failed: "refused, or given up",
  canceled: "will not be sent",
};

/** In which states what can be done to a mail. */
export const ALLOWED = {
  retry: ["retrying", "failed"],
  cancel: ["scheduled", "queued", "retrying"],
  resend: Object.keys(STATES),
};

const STAMP = /(\d{4}-\d\d-\d\dT[\d:.]+Z)/;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** The time of day, and the day if that is another one than today. */
export function clock(text) {
  const time = new Date(text);
  const today = time.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(time) : `${DAY.format(time)}, ${CLOCK.format(time)}`;
}

export const hour = (time) => HOUR.format(time);
export const day = (time) => DAY.format(time);

/** An element for a time. */
export const timeOf = (text) => el("time", { datetime: text, title: text }, clock(text));

/** A text in which times stand, as nodes: each of them as of a clock here. */
export const withTimes = (text) => text.split(STAMP).map((part, i) => (i % 2 ? timeOf(part) : part));

/** A length of time in milliseconds, such as "40 ms" or "3 min". */
export function long(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

/** From one time to another, in milliseconds. */
export const between = (from, to) => new Date(to) - new Date(from);

/** How long ago something was. */
export const ago = (text) => `${long(Math.max(0, between(text, new Date())))} ago`;

/** When something is to be, "in 40 s". */
export function ahead(text) {
  const ms = between(new Date(), text);
  return ms > 0 ? `in ${long(ms)}` : "now";
}

/** A mail's state, as a mark. */
export const badge = (state) => el("span", { class: `badge ${state}`, title: STATES[state] }, state);

/** A number with its thousands apart. */
export const number = (value) => value.toLocaleString();

/** "1 mail", "2 mails". */
export const count = (value, what) => `${number(value)} ${what}${value === 1 ? "" : "s"}`;

/** What a relay said to an attempt. */
export const answer = (attempt) => `${attempt.code ? `${attempt.code} ` : ""}${attempt.reply}`;
