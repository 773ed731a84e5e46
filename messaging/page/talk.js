// The button that has the time logged.

import { submit } from "./api.js";
import { by } from "./dom.js";

export function startTalk() {
  by("talk-button").addEventListener("click", async () => {
    const place = by("talk-answer");
    place.classList.remove("error");
    try {
      const { logged_at: time } = await submit("/", { talktome: "" });
      place.textContent = `Logged ${time}`;
    } catch (error) {
      place.classList.add("error");
      place.textContent = error.message;
    }
  });
}
