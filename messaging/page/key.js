// The key: kept in this tab, and taken out of the address before anything is asked.

const PLACE = "messaging-key";
const IN_ADDRESS = "#key=";

/** What a header can carry. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/** The key of a tab. It tells of "forgotten" while the one before is still in use, and of "change" when another is. */
class Key extends EventTarget {
  #value = stored() ?? "";
  /** Why there is none any more, in words; empty if nobody minds. */
  trouble = "";

  get value() {
    return this.#value;
  }

  /** Use a key from now on; empty for none. */
  use(value, trouble = "") {
    if (this.#value && value !== this.#value) this.dispatchEvent(new Event("forgotten"));
    this.#value = value;
    this.trouble = trouble;
    store(value);
    this.dispatchEvent(new Event("change"));
  }

  /** The service does not know a key; if it still is in use, it no longer is. */
  refuse(value, words) {
    if (value === this.#value) this.use("", words);
  }

  /** Take a key that the address carries behind its `#`, where no server sees it; says whether there was one. */
  takeFromAddress() {
    if (!location.hash.startsWith(IN_ADDRESS)) return false;
    const value = decoded(location.hash.slice(IN_ADDRESS.length));
    const fits = PRINTABLE.test(value);
    history.replaceState(null, "", fits ? "#send" : "#key");
    if (fits) this.use(value);
    else this.use("", "What the link carries is no key.");
    return true;
  }
}

/** A part of an address; as it stands where it is not properly encoded. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A browser may be told to keep nothing: then the key is asked for at each start.

function stored() {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null;
  }
}

function store(value) {
  try {
    if (value) sessionStorage.setItem(PLACE, value);
    else sessionStorage.removeItem(PLACE);
  } catch {
    // It is in use all the same.
  }
}

export const key = new Key();
