// The bar at the bottom of a phone's screen: the views of the file.

import { el, icon, setAttr, setText, show } from "./dom.js";
import { count } from "./format.js";
import { findings } from "./state.js";

export function mountBottom(root, actions) {
  const found = el("span", { class: "count bad" });
  const buttons = [["keys", "Keys", "rows"], ["prefixes", "Prefixes", "tree"], ["commands", "Commands", "clock"], ["summary", "Summary", "info"], ["findings", "Findings", "warn"], ["convert", "Convert", "swap"]].map(([view, label, name]) =>
    [view, el("button", { class: "bottom-tab", type: "button", onclick: () => actions.view(view) }, icon(name), el("span", null, label), view === "findings" ? found : null)]);
  root.append(...buttons.map(([, node]) => node));
  return {
    render(state) {
      for (const [view, node] of buttons) show(node, view !== "commands" || Boolean(state.log));
      for (const [view, node] of buttons) setAttr(node, "aria-current", state.view === view ? "page" : null);
      const number = findings(state).length;
      show(found, number > 0);
      setText(found, count(number));
    },
  };
}
