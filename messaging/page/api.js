// Asks the service. The key goes into a header and nowhere else.

import { key } from "./key.js";

/** What came instead of an answer. */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer at all.
   * @param {string} words for people.
   * @param {string} field the parameter that it is about, or "".
   */
  constructor(status, words, field = "") {
    super(words);
    this.status = status;
    this.field = field;
  }
}

/** Answers to what is asked again and again, by path, each with its tag. */
const kept = new Map();
const MOST_KEPT = 30;

/**
 * Read a document; one that has not changed since is the same object.
 * @throws {Problem}
 */
export async function read(path, signal) {
  const used = key.value;
  const before = kept.get(path);
  const response = await ask(path, { signal, headers: before ? { "If-None-Match": before.tag } : {} });
  if (response.status === 304) return before.document;
  const document = await bodyOf(response);
  const tag = response.headers.get("ETag");
  if (tag && key.value === used) keep(path, { tag, document });
  return document;
}

/** Where the next page of a list begins, by what the list calls its next page; "" for none. */
export const cursorOf = (next) => (next ? new URL(next, location.href).searchParams.get("before") : "");

/** Read a text, such as a mail's source. */
export async function readText(path, signal) {
  return (await ask(path, { signal, headers: {} })).text();
}

/**
 * Have something done; asked twice it is done once.
 * @param {object} document sent as JSON.
 * @throws {Problem}
 */
export async function write(path, document = {}) {
  const headers = { "Content-Type": "application/json" };
  return bodyOf(await ask(path, { method: "POST", headers, body: JSON.stringify(document) }));
}

/** A name for one wish, which is the same however often it is asked for. (Without TLS browsers have no `randomUUID`.) */
export function freshId() {
  return crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** As `write`, for a mail: the same `id` again makes no second one. */
export async function send(path, body, id) {
  const asJson = !(body instanceof URLSearchParams);
  const headers = { "Idempotency-Key": id, ...(asJson ? { "Content-Type": "application/json" } : {}) };
  return bodyOf(await ask(path, { method: "POST", headers, body: asJson ? JSON.stringify(body) : body }));
}

/** Post a form. */
export async function submit(path, fields) {
  return bodyOf(await ask(path, { method: "POST", headers: {}, body: new URLSearchParams(fields) }));
}

/** Nothing that one key could see is left for the next. */
export function forgetAll() {
  kept.clear();
}

async function ask(path, { headers, ...options }) {
  const used = key.value;
  const all = { Accept: "application/json", ...headers, ...(used ? { Authorization: `Bearer ${used}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers: all, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The service does not answer; it may be starting again, or the network is away.");
  }
  if (response.ok || response.status === 304) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && used) key.refuse(used, problem.message);
  throw problem;
}

async function problemOf(response) {
  try {
    const { detail, field } = await response.json();
    return new Problem(response.status, sentence(detail), field);
  } catch {
    return new Problem(response.status, `The service answered ${response.status} ${response.statusText}.`);
  }
}

async function bodyOf(response) {
  try {
    return await response.json();
  } catch {
    throw new Problem(response.status, "The answer could not be read.");
  }
}

function keep(path, answer) {
  kept.delete(path);
  kept.set(path, answer);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
