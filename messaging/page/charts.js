// Small charts, drawn as SVG, and what they show in numbers.

import { el } from "./dom.js";
import { count, day, hour, number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const BAR = 10;
const GAP = 2;

/**
 * Bars of what was sent, and on top of it what failed.
 * @param {string} title
 * @param {object} series `since`, `step_s`, and a list of numbers for each of `sent` and `failed`.
 */
export function chart(title, series) {
  const steps = stepsOf(series);
  const most = Math.max(1, ...steps.map(({ sent, failed }) => sent + failed));
  const total = `${count(sum(series.sent), "mail")} sent, ${number(sum(series.failed))} failed`;
  const picture = svg("svg", {
    viewBox: `0 0 ${steps.length * BAR} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": `${title}: ${total}; ${number(most)} in the fullest step.`,
  });
  steps.forEach((step, i) => picture.append(bar(step, i, most)));
  const named = series.step_s < 3600 ? hour : day;
  return el(
    "figure",
    {},
    el("figcaption", {}, el("strong", {}, title), ` ${total}`),
    el("p", { class: "most", "aria-hidden": "true" }, number(most)),
    picture,
    el("p", { class: "axis", "aria-hidden": "true" }, el("span", {}, named(steps[0].at)), el("span", {}, "now")),
  );
}

/** The same in numbers, as rows of a table: each step in which there was something, the newest first. */
export function rows(series) {
  const full = stepsOf(series).filter(({ sent, failed }) => sent || failed);
  return full.reverse().map(({ sent, failed, at }) =>
    el("tr", {}, el("th", { scope: "row" }, said(at)), el("td", {}, number(sent)), el("td", {}, number(failed))),
  );
}

const stepsOf = (series) => series.sent.map((sent, i) => ({ sent, failed: series.failed[i], at: timeAt(series, i) }));

function bar({ sent, failed, at }, i, most) {
  const high = (many) => (many / most) * HEIGHT;
  const group = svg("g", {});
  group.append(svg("rect", { class: "ground", x: i * BAR, y: 0, width: BAR, height: HEIGHT }));
  group.append(part("sent", i, HEIGHT - high(sent), high(sent)));
  group.append(part("failed", i, HEIGHT - high(sent) - high(failed), high(failed)));
  const title = svg("title", {});
  title.textContent = `${said(at)}: ${number(sent)} sent, ${number(failed)} failed`;
  group.append(title);
  return group;
}

const part = (name, i, y, height) => svg("rect", { class: name, x: i * BAR + GAP / 2, y, width: BAR - GAP, height });

const said = (at) => `${day(at)} ${hour(at)}`;

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

const timeAt = (series, i) => new Date(Date.parse(series.since) + i * series.step_s * 1000);

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
