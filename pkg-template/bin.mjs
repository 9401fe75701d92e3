#!/usr/bin/env node
// The `aikv` command where no native one is at hand: the same program, compiled to WebAssembly, over Node's files.

import { readFileSync } from "node:fs";
import { parse, relative } from "node:path";

const { emitWarning } = process;
// Node says of its WASI that it may change, on stderr, where the command's own words stand.
process.emitWarning = (warning, ...rest) => {
  if (!/\bWASI\b/.test(String(warning))) emitWarning.call(process, warning, ...rest);
};
const { WASI } = await import("node:wasi");

const folder = process.cwd();
const { root } = parse(folder);
const wasi = new WASI({
  version: "preview1",
  args: ["aikv", ...process.argv.slice(2)],
  env: { ...process.env, PWD: `/${relative(root, folder).replaceAll("\\", "/")}` },
  preopens: { "/": root },
});
const module = new WebAssembly.Module(readFileSync(new URL("./aikv_cli.wasm", import.meta.url)));
process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));
