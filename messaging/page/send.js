// The view to send a mail from, with a line for each that was.

import { freshId, send } from "./api.js";
import { by, el, show } from "./dom.js";
import { followAll, followMail } from "./follow.js";
import { key } from "./key.js";

const MOST_LINES = 20;

/** Names what is in the form; a request that is made again after its answer was lost must not make a second mail. */
let attempt = { id: "", of: "" };

/** The fields of the form by what the service calls them. */
const FIELDS = { to: "send-to", sendmail: "send-to", subject: "send-subject", text: "send-text" };

export const sendView = {
  section: "send",
  title: "Send",
  locked: "",
  enter(_argument, _query, visit) {
    followAll(visit);
  },
  empty() {
    by("send-lines").replaceChildren();
    by("send-error").textContent = "";
    show(by("send-none"), true);
  },
};

export function startSend() {
  by("send-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void submitForm();
  });
}

async function submitForm() {
  const button = by("send-form").querySelector("button");
  by("send-error").textContent = "";
  for (const id of Object.values(FIELDS)) by(id).removeAttribute("aria-invalid");
  const used = key.value;
  let goOnAt = by("send-to");
  button.disabled = true;
  try {
    const accepted = await sendNow();
    if (key.value === used) addLine(accepted, by("send-to").value.trim());
    attempt = { id: "", of: "" };
    for (const id of Object.values(FIELDS)) by(id).value = "";
  } catch (error) {
    by("send-error").textContent = error.message;
    const wrong = FIELDS[error.field];
    if (wrong) by(wrong).setAttribute("aria-invalid", "true");
    goOnAt = wrong ? by(wrong) : button;
  } finally {
    button.disabled = false;
    goOnAt.focus();
  }
}

function sendNow() {
  const mail = { to: by("send-to").value.trim(), subject: by("send-subject").value, text: by("send-text").value };
  const wanted = JSON.stringify([mail, key.value]);
  if (attempt.of !== wanted) attempt = { id: freshId(), of: wanted };
  if (!key.value) return send("/", new URLSearchParams({ sendmail: mail.to }), attempt.id);
  const words = mail.subject || mail.text ? mail : { to: mail.to };
  return send("/v1/emails", words, attempt.id);
}

function addLine(accepted, to) {
  const line = el("li");
  const lines = by("send-lines");
  lines.prepend(line);
  while (lines.childElementCount > MOST_LINES) lines.lastElementChild.remove();
  show(by("send-none"), false);
  followMail(line, { ...accepted, to });
}
