// The npm package, packed and installed into an empty folder, as its users have it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const data = join(root, "tests/data");
/** The programs of the tests' own packages. */
export const bin = fileURLToPath(new URL("../node_modules/.bin/", import.meta.url));

/** `{ user, tarball, aikv, run, remove }`: the folder of a project, the package as it is published and as it is imported. */
export async function install(name) {
  assert.ok(existsSync(join(root, "pkg/package.json")), "the package is assembled: cargo xtask pkg");
  const folder = mkdtempSync(join(tmpdir(), `aikv-${name}-`));
  const user = join(folder, "user");
  const run = (program, args, options = {}) => {
    try {
      return execFileSync(program, args, { cwd: user, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
    } catch (error) {
      throw new Error(`${program} ${args.join(" ")}\n${error.stdout ?? ""}\n${error.stderr ?? error.message}`);
    }
  };
  mkdirSync(user);
  const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder, join(root, "pkg")]));
  const tarball = join(folder, filename);
  writeFileSync(join(user, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
  const aikv = await import(pathToFileURL(join(user, "node_modules/aikv/node.mjs")));
  return { user, tarball, aikv, run, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
