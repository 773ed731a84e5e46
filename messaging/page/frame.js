// Shows HTML that came from elsewhere, in a frame that can do nothing.
//
// The frame runs no script, submits no form and leads nowhere (its sandbox), and fetches nothing (the page's
// Content-Security-Policy, which it inherits). That policy would take the mail's own looks, too: they are put in place
// from here, as a style sheet and properties that hold no more than looks.

/** Parses HTML without running or fetching any of it. */
const policy = globalThis.trustedTypes?.createPolicy("frame", { createHTML: (html) => html });

const NEVER = "script, meta, base, link, iframe, object, embed, frame, frameset, template";
// What begins always matches, if need be up to the end: else each beginning would be looked for an end of its own, and a
// mail that is nothing but beginnings would take the square of its length.
const REFERENCES = /<(base|meta|link)\b[^>]*>?/gi;
const STYLE = /<style\b[^>]*>?([^]*?)(?:<\/style\b[^>]*>?|$)/gi;
const TAG = /<[a-z][^>]*>?/gi;
const IMPORT = /@import[^;]*;?/gi;
const ELSEWHERE = /url\([^)]*\)?/gi;
const INLINE = /([\s"'/])(style|on[a-z]+)(?=\s*=)/gi;

/** A frame with this HTML in it. */
export function frame(html) {
  const element = document.createElement("iframe");
  // Of its own origin so that it can be filled from here; without allow-scripts that opens nothing.
  element.setAttribute("sandbox", "allow-same-origin");
  element.title = "The mail as HTML";
  element.className = "letter";
  element.addEventListener("load", () => fillFrame(element, html), { once: true });
  return element;
}

function fillFrame(element, html) {
  const inside = element.contentDocument;
  const { looks, body } = taken(html);
  inside.body.replaceChildren(...[...body.childNodes].map((node) => inside.adoptNode(node)));
  inside.body.dir = body.dir;
  inside.body.style.cssText = `background-color: ${body.bgColor}; color: ${body.text}`;
  inside.body.style.cssText += still(body.dataset.style ?? "");
  for (const node of inside.body.querySelectorAll("[data-style]")) node.style.cssText = still(node.dataset.style);
  const sheet = new element.contentWindow.CSSStyleSheet();
  sheet.replaceSync(`html { background: #fff; } body { font-family: sans-serif; color: #111; overflow-wrap: anywhere; } ${still(looks)}`);
  inside.adoptedStyleSheets = [sheet];
  element.height = String(Math.min(2000, Math.max(120, inside.documentElement.scrollHeight + 8)));
}

/** What the mail holds, and apart from it how it wants to look. */
function taken(html) {
  const looks = [...html.matchAll(STYLE)].map((match) => match[1]).join("\n");
  // Not for safety, which is the sandbox's and the policy's: each breach of that would be told in the console.
  const quiet = html.replace(STYLE, "").replace(REFERENCES, "").replace(TAG, (tag) => tag.replace(INLINE, "$1 data-$2"));
  const parsed = new DOMParser().parseFromString(policy ? policy.createHTML(quiet) : quiet, "text/html");
  for (const node of parsed.querySelectorAll(NEVER)) node.remove();
  for (const node of parsed.querySelectorAll("[src]:not([src^='data:'])")) node.removeAttribute("src");
  for (const node of parsed.querySelectorAll("[srcset], [background]")) {
    node.removeAttribute("srcset");
    node.removeAttribute("background");
  }
  for (const node of parsed.querySelectorAll("[*|href]")) nameTarget(node);
  return { looks, body: parsed.body };
}

/** Show where a link leads instead of following it, which would leave nothing of the mail. */
function nameTarget(node) {
  const names = ["href", "xlink:href"];
  const target = names.map((name) => node.getAttribute(name) ?? "").join("").trim();
  for (const name of names) node.removeAttribute(name);
  if (node.matches("a, area") && target && target !== node.textContent.trim()) node.after(` [${target}]`);
}

/** Looks that refer to nothing elsewhere. */
const still = (looks) => looks.replace(IMPORT, "").replace(ELSEWHERE, "none");
