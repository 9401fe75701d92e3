// Every state of the viewer as pictures, to be laid beside its design: `node states.mjs OUTDIR [NAME]`, all or the scenes
// whose name has NAME in it. Each is photographed at 1280 x 800 and 390 x 844, in both themes; a few also in forced colours.
// The site is `AIKV_SITE`, else dist/site; `CHROME` names the browser. Names the states that could not be reached, and fails then.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { siteFolder } from "./support/content.mjs";
import { SCENES } from "./support/scenes.mjs";
import { launchChromium, openPage, serve } from "./support/site.mjs";

const SIZES = [["1280", { viewport: { width: 1280, height: 800 } }], ["390", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }]];
const FORCED = ["start", "read", "detail-hash", "findings", "convert-losses"];
/** Colours take a moment to change. */
const FADE_MS = 400;

const [out, wanted = ""] = process.argv.slice(2);
if (!out) throw new Error("usage: node states.mjs OUTDIR [NAME]");
mkdirSync(out, { recursive: true });
const browser = await launchChromium();
const site = await serve(siteFolder);

async function photograph(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(FADE_MS);
    await page.screenshot({ path: join(out, `${name}-${colorScheme}.png`) });
  }
  if (FORCED.some((one) => name.startsWith(`${one}-`) && /-\d+$/.test(name))) {
    await page.emulateMedia({ colorScheme: "light", forcedColors: "active", reducedMotion: "reduce" });
    await page.waitForTimeout(FADE_MS);
    await page.screenshot({ path: join(out, `${name}-forced.png`) });
    await page.emulateMedia({ forcedColors: "none", reducedMotion: "no-preference" });
  }
}

for (const scene of SCENES.filter(({ name }) => name.includes(wanted))) {
  for (const [size, options] of SIZES) {
    scene.prepare?.(site);
    const page = await openPage(browser, site.url + (scene.address ?? ""), options);
    page.setDefaultTimeout(30_000);
    try {
      await scene.run(page, (name) => photograph(page, `${name}-${size}`), { phone: size === "390", site });
      console.log(`${scene.name} at ${size}`);
    } catch (error) {
      process.exitCode = 1;
      console.error(`${scene.name} at ${size}: ${error.message}`);
      await page.screenshot({ path: join(out, `FAILED-${scene.name}-${size}.png`) });
    } finally {
      await page.context().close();
      Object.assign(site, { opened: null });
      site.replaced.clear();
    }
  }
}
await site.close();
await browser.close();
