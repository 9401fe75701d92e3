// Menus and small forms that open beside a button. One is open at a time; Esc and a press outside close
// it, and the focus goes back to where it came from.

import { el, icon } from "./dom.js";

let current = null;

/**
 * Items: `{ label, hint, kind: "radio" | "checkbox", checked, disabled, keep, run }`, `{ line }`, `{ title }`.
 * `keep` leaves the menu open; `run` of such an item gives its new state.
 */
export function openMenu(anchor, items, { label, align = "left" }) {
  if (closeMenu(anchor)) return;
  const panel = el("div", { class: "menu", role: "menu", "aria-label": label });
  for (const item of items) panel.append(itemOf(item));
  place(panel, anchor, align);
  panel.addEventListener("keydown", onMenuKey);
  (panel.querySelector('[aria-checked="true"]') ?? panel.querySelector("button:not(:disabled)"))?.focus();
}

/** A form beside a button. `build(close)` gives its content; the first field gets the focus. */
export function openForm(anchor, build, { label, align = "left" }) {
  if (closeMenu(anchor)) return;
  const panel = el("div", { class: "menu", role: "dialog", "aria-label": label });
  panel.append(...build(closeMenu));
  place(panel, anchor, align);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      closeMenu();
    }
  });
  panel.querySelector("input, button")?.focus();
}

function itemOf(item) {
  if (item.line) return el("div", { class: "menu-line", role: "separator" });
  if (item.title) return el("div", { class: "menu-title", role: "presentation" }, item.title);
  const role = item.kind === "radio" ? "menuitemradio" : item.kind === "checkbox" ? "menuitemcheckbox" : "menuitem";
  const node = el("button", {
    class: "menu-item", type: "button", role, tabIndex: -1, disabled: item.disabled, "aria-checked": item.kind ? String(Boolean(item.checked)) : null,
    onclick: () => {
      if (!item.keep) closeMenu();
      const checked = item.run();
      if (item.keep) node.setAttribute("aria-checked", String(checked));
    },
  });
  if (item.kind) node.append(icon("check"));
  node.append(el("span", null, item.label));
  if (item.hint) node.append(el("span", { class: "hint" }, item.hint));
  return node;
}

function place(panel, anchor, align) {
  const returnTo = document.activeElement;
  // In the landmark of its button, so that it is found where the button is.
  (anchor.closest("dialog, header, search, main, aside, footer, section, [role=complementary], [role=main]") ?? document.body).append(panel);
  anchor.setAttribute("aria-expanded", "true");
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = align === "right" ? box.right - width : box.left;
  const below = box.bottom + 4;
  const top = below + height > innerHeight - 8 ? Math.max(8, box.top - height - 4) : below;
  panel.style.left = `${Math.max(8, Math.min(innerWidth - width - 8, left))}px`;
  panel.style.top = `${top}px`;
  current = { panel, anchor, returnTo };
  addEventListener("pointerdown", onOutside, true);
  addEventListener("resize", onResize);
}

/** Closes what is open. True when it belonged to `anchor`, whose press was meant to close it. */
function closeMenu(anchor = null) {
  if (!current) return false;
  const { panel, anchor: owner, returnTo } = current;
  current = null;
  removeEventListener("pointerdown", onOutside, true);
  removeEventListener("resize", onResize);
  const held = panel.contains(document.activeElement) || document.activeElement === document.body;
  panel.remove();
  owner.removeAttribute("aria-expanded");
  if (held) (returnTo?.isConnected ? returnTo : owner).focus();
  return owner === anchor;
}

export function menuIsOpen() {
  return current !== null;
}

function onOutside(event) {
  if (current && !current.panel.contains(event.target) && !current.anchor.contains(event.target)) closeMenu();
}

function onResize() {
  closeMenu();
}

function onMenuKey(event) {
  const items = [...event.currentTarget.querySelectorAll("button:not(:disabled)")];
  const at = items.indexOf(document.activeElement);
  const go = (to) => items[(to + items.length) % items.length]?.focus();
  switch (event.key) {
    case "ArrowDown": go(at + 1); break;
    case "ArrowUp": go(at - 1); break;
    case "Home": go(0); break;
    case "End": go(items.length - 1); break;
    case "Tab": closeMenu(); return;
    case "Escape": closeMenu(); break;
    default: {
      const letter = event.key.toLowerCase();
      const found = items.find((item, nth) => nth > at && item.textContent.toLowerCase().startsWith(letter)) ?? items.find((item) => item.textContent.toLowerCase().startsWith(letter));
      if (letter.length !== 1 || !found || event.ctrlKey || event.metaKey) return;
      found.focus();
    }
  }
  event.preventDefault();
  event.stopPropagation();
}
