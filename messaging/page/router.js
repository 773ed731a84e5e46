// Which view is shown: the address says it behind its `#`, as "view/argument?query".

import { announce, by, show } from "./dom.js";
import { decoded, key } from "./key.js";
import { complain } from "./poll.js";

/** Views by their names: `{section, title, locked, enter(argument, query, visit), empty()}`. */
const views = new Map();

let current = null;
/** Aborted when the current view is left. */
let visit = new AbortController();
let shown = "";

/**
 * Add a view.
 * @param {string} name in the address; with a `/` behind it, the view of one thing.
 * @param {object} view `section`: its id; `title`; `locked`: why it needs a key, or ""; `enter`: shows it until the
 *   signal `visit` is aborted; `empty`: takes out what the key that was in use let it show.
 */
export function addView(name, view) {
  views.set(name, view);
}

/** Begin to follow the address. */
export function startRouter(onLocked) {
  locked = onLocked;
  addEventListener("hashchange", () => follow(true));
  by("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says which view it is
    by("main").focus();
  });
  follow(false);
}

/** Enter the view again, as after another key. */
export function refresh() {
  if (!locked) return;
  follow(false);
  focusHeading();
}

/** Nothing is left of what was seen. */
export function emptyAll() {
  visit.abort();
  for (const view of views.values()) view.empty?.();
  complain("");
  announce("");
}

let locked = null;

function follow(moveFocus) {
  if (key.takeFromAddress()) return; // another key enters the view again
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [first, ...rest] = (path || "send").split("/");
  const name = rest.length ? `${first}/` : first;
  const view = views.get(name);
  if (!view) {
    location.replace("#send");
    return;
  }
  visit.abort();
  visit = new AbortController();
  const closed = Boolean(view.locked) && !key.value;
  current = closed ? views.get("key") : view;
  for (const each of views.values()) show(by(each.section), each === current);
  mark(first);
  document.title = `${current.title} – Messaging`;
  complain("");
  if (closed) locked(view.locked);
  else current.enter?.(decoded(rest.join("/")), new URLSearchParams(query), visit.signal);
  // Who follows a link by keyboard or hears the page goes on at the new heading.
  if (moveFocus && shown !== location.hash) focusHeading();
  shown = location.hash;
}

function mark(first) {
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.hash === `#${first}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function focusHeading() {
  by(current.section).querySelector("h1").focus();
}
