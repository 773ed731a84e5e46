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

/** Show or hide an element. */
export function show(element, whether) {
  element.hidden = !whether;
}

/** Tell who cannot see the change. */
export function announce(words) {
  by("live").textContent = words;
}
