// Asks for a key, once, and shows whether there is one.

import { Problem, forgetAll } from "./api.js";
import { announce, by, show } from "./dom.js";
import { key } from "./key.js";
import { emptyAll, refresh } from "./router.js";

/** Wire the form and the button in the bar. */
export function startKey() {
  by("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void tryKey(by("key-field").value.trim());
  });
  by("key-button").addEventListener("click", () => {
    if (key.value) {
      key.use("");
      announce("The key is forgotten.");
    } else {
      location.hash = "#key";
    }
  });
  key.addEventListener("forgotten", () => {
    forgetAll();
    emptyAll();
  });
  key.addEventListener("change", () => {
    showKey();
    refresh();
  });
  showKey();
}

/** What the form says while a view is closed. */
export function explain(words) {
  by("key-why").textContent = words;
  by("key-error").textContent = key.trouble;
}

async function tryKey(value) {
  by("key-error").textContent = "";
  try {
    await check(value);
  } catch (error) {
    by("key-error").textContent = error.message;
    by("key-field").select();
    return;
  }
  by("key-field").value = "";
  if (location.hash === "#key") history.replaceState(null, "", "#send");
  key.use(value);
}

async function check(value) {
  let response;
  try {
    const headers = { Accept: "application/json", Authorization: `Bearer ${value}` };
    response = await fetch("/v1/emails?limit=1", { headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem(0, "The service does not answer, or this is no key.");
  }
  if (response.status === 401) throw new Problem(401, "This key is not known here.");
  if (!response.ok) throw new Problem(response.status, `The service answered ${response.status}.`);
}

function showKey() {
  by("key-button").textContent = key.value ? "Forget the key" : "Enter a key";
  show(by("send-words"), Boolean(key.value));
  show(by("send-greeting"), !key.value);
}
