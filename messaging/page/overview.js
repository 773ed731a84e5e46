// The view of how all of it stands.

import { read } from "./api.js";
import { chart, rows } from "./charts.js";
import { by, el, fill, fillEach, show } from "./dom.js";
import { poll } from "./poll.js";
import { STATES, ago, ahead, badge, count, number, timeOf } from "./words.js";

const EVERY_MS = 2000;

export const overviewView = {
  section: "overview",
  title: "Overview",
  locked: "The overview needs a key.",
  enter(_argument, _query, visit) {
    poll(async (signal) => showAll(await read("/v1/overview", signal)), EVERY_MS, visit);
  },
  empty() {
    show(by("overview-all"), false);
    const all = ["hold", "states", "oldest", "charts", "minutes", "hours", "workers", "queue"];
    for (const each of all) by(`overview-${each}`).replaceChildren();
  },
};

function showAll(now) {
  const { hold, oldest_waiting: oldest } = now;
  showHold(hold);
  show(by("overview-all"), true);
  const states = Object.entries(now.states);
  fillEach(by("overview-states"), "li", states.map(([state, many]) => [state, { state, many }]), showTile);
  fill(by("overview-oldest"), ...(oldest ? [`Oldest waiting: `, link(oldest), `, accepted ${ago(oldest.created_at)}.`] : ["Nothing waits."]));
  fill(by("overview-charts"), chart("Last hour, by the minute", now.minutes), chart("Last 7 days, by the hour", now.hours));
  for (const name of ["minutes", "hours"]) fill(by(`overview-${name}`), ...rows(now[name]));
  const gone = now.gone.workers;
  show(by("overview-table"), now.workers.length || gone.length);
  show(by("overview-nobody"), !now.workers.length);
  fill(by("overview-workers"), ...now.workers.map((seen) => worker(seen)), ...gone.map((seen) => worker(seen, " (gone)")));
  by("overview-queue").textContent = now.queue.trouble
    ? `The broker's queue is not known: ${now.queue.trouble}. Mails are accepted, and sent when it is back.`
    : `The broker's queue holds ${count(now.queue.length, "id")}.`;
}

function showHold(hold) {
  const place = by("overview-hold");
  show(place, hold);
  if (!hold) return;
  fill(
    place,
    el("strong", {}, "The relay is held"),
    " since ",
    timeOf(hold.since),
    `: ${hold.reason}. No mail is lost or charged an attempt; it is tried again ${ahead(hold.probe_at)}, `,
    timeOf(hold.probe_at),
    ".",
  );
}

function showTile(tile, { state, many }) {
  const link = tile.firstChild ?? tile.appendChild(el("a", { href: `#mails?state=${state}`, title: STATES[state] }));
  fill(link, el("strong", {}, number(many)), badge(state));
}

const link = (mail) => el("a", { href: `#mails/${mail.id}` }, `a mail that is ${mail.state}`);

function worker(seen, mark = "") {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, `${seen.host} ${seen.pid}${mark}`),
    el("td", {}, timeOf(seen.started_at)),
    el("td", {}, ago(seen.seen_at)),
    el("td", {}, number(seen.in_flight)),
  );
}
