// Makes and finds elements. Text is always set as text: nothing that came from elsewhere is ever read as HTML.

/** The element with this id, which must be there. */
export function by(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found;
}

/**
 * Make an element.
 * @param {string} name such as "li".
 * @param {object} attributes by name; undefined and false leave one out; "on…" adds a listener.
 * @param {...(Node|string|null|undefined)} children
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put children in place of those that are there; those that look the same stay, and the focus with them. */
export function fill(parent, ...children) {
  const fresh = el("div", {}, ...children);
  const nodes = [...fresh.childNodes];
  nodes.forEach((node, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

/**
 * Put an element for each of some things in place of those that are there; a thing's own stays, and the focus with it.
 * @param {HTMLElement} parent
 * @param {string} name such as "li".
 * @param {Array<[string, any]>} things each behind what it is known by.
 * @param {(element: HTMLElement, thing: any) => void} put puts a thing into its element, or into that of an older look.
 */
export function fillEach(parent, name, things, put) {
  const known = new Map([...parent.children].map((element) => [element.dataset.id, element]));
  const wanted = things.map(([id, thing]) => {
    const element = known.get(id) ?? el(name, { "data-id": id });
    put(element, thing);
    return element;
  });
  const staying = new Set(wanted);
  for (const element of [...parent.children]) if (!staying.has(element)) element.remove();
  // Only what moves is touched.
  wanted.forEach((element, i) => element !== parent.children[i] && parent.insertBefore(element, parent.children[i] ?? null));
}

/** Show or hide an element. */
export function show(element, whether) {
  element.hidden = !whether;
}

/** Tell who cannot see the change. */
export function announce(words) {
  by("live").textContent = words;
}
