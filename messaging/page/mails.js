// The view of all mails: the newest first, live, with filters and pages.

import { Problem, cursorOf, read } from "./api.js";
import { emptyBulk, offerBulk, sayBulk, startBulk } from "./bulk.js";
import { announce, by, el, fill, fillEach, show } from "./dom.js";
import { poll } from "./poll.js";
import { STATES, answer, badge, timeOf } from "./words.js";

const EVERY_MS = 1500;
/** Mails that were looked for from page to page are looked for again after so many times as long as that took. */
const TIMES = 10;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What the address of this view may say of which mails are meant. */
const NAMES = ["state", "to", "before"];

let stop = () => {};
/** Aborted when the view is left. */
let visit = AbortSignal.abort();
let wanted = new URLSearchParams();
/** Where the next page is. */
let older = "";

export const mailsView = {
  section: "mails",
  title: "Mails",
  locked: "The list of mails needs a key.",
  enter(_argument, query, signal) {
    visit = signal;
    sayBulk("");
    wanted = new URLSearchParams(NAMES.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
    by("mails-state").value = wanted.get("state") ?? "";
    by("mails-to").value = wanted.get("to") ?? "";
    offer();
    watch();
  },
  empty() {
    emptyBulk();
    by("mails-rows").replaceChildren();
    by("mails-error").textContent = "";
    for (const each of ["table", "older", "newest"]) show(by(`mails-${each}`), false);
    showEmpty("");
  },
};

export function startMails() {
  const every = el("option", { value: "" }, "any");
  by("mails-state").append(every, ...Object.keys(STATES).map((state) => el("option", { value: state }, state)));
  by("mails-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  by("mails-state").addEventListener("change", search);
  by("mails-to").addEventListener("input", offer);
  by("mails-older").addEventListener("click", () => go({ ...filter(), before: older }));
  by("mails-newest").addEventListener("click", () => go(filter()));
  startBulk(filter, watch);
}

/** What is filtered by now. */
function filter() {
  return Object.fromEntries([...wanted].filter(([name]) => name !== "before"));
}

/** What the fields say. */
const typed = () => [by("mails-state").value, by("mails-to").value.trim()];

/** Offer what can be done to all that are listed, as long as the fields say the same. */
function offer() {
  const [state, to] = typed();
  const differs = state !== (wanted.get("state") ?? "") || to !== (wanted.get("to") ?? "");
  offerBulk(wanted.get("state") ?? "", differs, visit);
}

function search() {
  const [state, to] = typed();
  if (ID.test(to)) location.hash = `#mails/${to.toLowerCase()}`;
  else go({ ...(state && { state }), ...(to && { to }) });
}

function go(query) {
  const text = new URLSearchParams(query).toString();
  location.hash = text ? `#mails?${text}` : "#mails";
}

function watch() {
  stop();
  by("mails-error").textContent = "";
  by("mails-to").removeAttribute("aria-invalid");
  const path = `/v1/emails?${new URLSearchParams([...wanted, ["limit", "50"]])}`;
  let last;
  stop = poll(async (signal) => {
    const began = performance.now();
    const newest = await ask(path, signal);
    const further = newest && isShort(newest);
    if (further && last === undefined) showEmpty("Looking through older mails…");
    const page = further ? await walk(newest, signal) : newest;
    if (page !== last) showPage(page ?? { emails: [], next: null });
    last = page;
    if (!page) return true; // with what is asked for wrong, there is nothing to wait for
    return further ? TIMES * (performance.now() - began) : 0;
  }, EVERY_MS, visit);
}

/** Read the page that is meant; null where what is meant is wrong, which is said. */
async function ask(path, signal) {
  try {
    return await read(path, signal);
  } catch (error) {
    if (!(error instanceof Problem) || ![400, 422].includes(error.status)) throw error;
    by("mails-error").textContent = `${error.message} Search for an address, for all of a domain by @domain, or for an id.`;
    by("mails-to").setAttribute("aria-invalid", "true");
    return null;
  }
}

/** Whether mails were looked for, and may be found further on. */
const isShort = (page) => !page.emails.length && page.next;

/** Go from an empty page to the next that is not, or to the last. */
async function walk(page, signal) {
  while (isShort(page)) page = await read(page.next, signal);
  return page;
}

function showPage({ emails, next }) {
  older = cursorOf(next);
  fillEach(by("mails-rows"), "tr", emails.map((mail) => [mail.id, mail]), showRow);
  show(by("mails-table"), emails.length);
  show(by("mails-older"), older);
  show(by("mails-newest"), wanted.get("before"));
  showEmpty(emails.length ? "" : nothing());
}

function showRow(row, mail) {
  const link = el("a", { href: `#mails/${mail.id}` }, mail.to);
  const last = mail.last_attempt ? answer(mail.last_attempt) : "";
  fill(
    row,
    el("td", {}, badge(mail.state)),
    el("th", { scope: "row" }, link),
    el("td", {}, short(mail.subject)),
    el("td", {}, timeOf(mail.created_at)),
    el("td", { class: "words" }, short(last)),
  );
}

/** A text of which two lines are shown. */
const short = (text) => (text ? el("span", { class: "short", title: text }, text) : null);

function nothing() {
  if (by("mails-error").textContent) return "";
  if (wanted.get("before")) return "There are no older ones.";
  return wanted.size ? "No mail matches. Try another state or address." : "No mail yet. Send one, and it appears here.";
}

function showEmpty(words) {
  by("mails-none").textContent = words;
  show(by("mails-none"), words);
  if (words) announce(words);
}
