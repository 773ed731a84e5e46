// The key: kept in this tab, and taken out of the address before anything is asked.

const PLACE = "messaging-key";
const IN_ADDRESS = "#key=";

class Key extends EventTarget {
  #value = sessionStorage.getItem(PLACE) ?? "";
  /** Why there is none any more, in words; empty if nobody minds. */
  trouble = "";

  get value() {
    return this.#value;
  }

  /** Use a key from now on; empty for none. */
  use(value, trouble = "") {
    this.#value = value;
    this.trouble = trouble;
    if (value) sessionStorage.setItem(PLACE, value);
    else sessionStorage.removeItem(PLACE);
    this.dispatchEvent(new Event("change"));
  }

  /** The service does not know a key; if it still is in use, it no longer is. */
  refuse(value, words) {
    if (value === this.#value) this.use("", words);
  }

  /** Take a key that the address carries behind its `#`, where no server sees it; says whether there was one. */
  takeFromAddress() {
    if (!location.hash.startsWith(IN_ADDRESS)) return false;
    const value = decodeURIComponent(location.hash.slice(IN_ADDRESS.length));
    history.replaceState(null, "", "#send");
    this.use(value);
    return true;
  }
}

export const key = new Key();
