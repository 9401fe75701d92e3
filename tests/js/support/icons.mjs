// Icons as pixels, drawn by the browser from the mark as it stands in www. Run by itself, it makes the files:
// CHROME=/usr/bin/chromium node support/icons.mjs

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launchChromium } from "./site.mjs";

const www = fileURLToPath(new URL("../../../www/", import.meta.url));

/** Name of the pixels, the drawing they are of, and their edge. */
export const ICONS = [
  ["icon-192.png", "favicon.svg", 192],
  ["icon-512.png", "favicon.svg", 512],
  ["icon-maskable-512.png", "icon-maskable.svg", 512],
];

/** A PNG of a drawing, in a page of any kind. */
export async function drawn(page, drawing, edge) {
  const svg = readFileSync(www + drawing, "utf8");
  const base64 = await page.evaluate(async ([source, size]) => {
    const image = new Image(size, size);
    image.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    await image.decode();
    const canvas = new OffscreenCanvas(size, size);
    canvas.getContext("2d").drawImage(image, 0, 0, size, size);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  }, [svg, edge]);
  return Buffer.from(base64, "base64");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const browser = await launchChromium();
  const page = await browser.newPage();
  for (const [name, drawing, edge] of ICONS) writeFileSync(www + name, await drawn(page, drawing, edge));
  await browser.close();
}
