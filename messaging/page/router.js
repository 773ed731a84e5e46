// Which view is shown: the address says it behind its `#`, as "view/argument?query".

import { by, show } from "./dom.js";
import { key } from "./key.js";

/** Views by their names: `{section, title, locked, enter(argument, query), leave()}`. */
const views = new Map();

let current = null;
let shown = "";

/**
 * Add a view.
 * @param {string} name in the address; with a `/` behind it, the view of one thing.
 * @param {object} view `section`: its id; `title`; `locked`: why it needs a key, or ""; `enter`, `leave`.
 */
export function addView(name, view) {
  views.set(name, view);
}

/** Begin to follow the address. */
export function startRouter(onLocked) {
  locked = onLocked;
  addEventListener("hashchange", () => follow(true));
  follow(false);
}

/** Enter the view again, as after another key. */
export function refresh() {
  if (!locked) return;
  follow(false);
  focusHeading();
}

let locked = null;

function follow(moveFocus) {
  if (key.takeFromAddress()) return; // another key enters the view again
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [first, ...rest] = (path || "send").split("/");
  const name = rest.length ? `${first}/` : first;
  const view = views.get(name);
  if (!view) {
    if (!current) location.replace("#send");
    return; // such as the link that skips the bar
  }
  current?.leave?.();
  const closed = Boolean(view.locked) && !key.value;
  current = closed ? views.get("key") : view;
  for (const each of views.values()) show(by(each.section), each === current);
  mark(first);
  document.title = `${current.title} – Messaging`;
  by("trouble").hidden = true;
  if (closed) locked(view.locked);
  else current.enter?.(decodeURIComponent(rest.join("/")), new URLSearchParams(query));
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
