// Every state that the design names, in a wide window and on a phone: axe-core finds nothing in either theme. Of the rules,
// one depends on the theme; the others are judged once. `states.mjs` photographs the same states.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENES } from "./support/scenes.mjs";
import { violations } from "./support/site.mjs";
import { site, skip, withPage } from "./support/viewer.mjs";

const SIZES = [["1280 px", { viewport: { width: 1280, height: 800 } }], ["390 px", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }]];
const PATIENCE_MS = 60_000;

async function judge(page, state) {
  await page.emulateMedia({ colorScheme: "light" });
  assert.deepEqual(await violations(page), [], `${state}, light`);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.deepEqual(await violations(page, ["color-contrast"]), [], `${state}, dark`);
}

for (const scene of SCENES) {
  for (const [size, options] of SIZES) {
    test(`${scene.name} at ${size}: nothing is against the rules for accessibility`, { skip }, async () => {
      scene.prepare?.(site);
      try {
        await withPage(async (page) => {
          page.setDefaultTimeout(PATIENCE_MS);
          await scene.run(page, (name) => judge(page, name), { phone: size === "390 px", site });
        }, { address: scene.address, asks: scene.asks, reducedMotion: "reduce", ...options });
      } finally {
        site.opened = null;
        site.replaced.clear();
      }
    });
  }
}
