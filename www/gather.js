// Several files at once: a folder or files that were dropped or chosen, and what of them is opened.

/** A folder of a folder is looked into, as `appendonlydir` stands in the folder of a server. */
const DEEPEST = 3;
const MOST_FILES = 10_000;
const MANIFEST = /\.manifest$/;
const DUMP = /\.(rdb|aof)(\.(gz|zst|lz4))?$/i;

/** Files that came together. It has the part of `File` that names it. */
export class FileSet {
  /** `files`: `[{ file, path }]`, where the path begins with a folder's name if a folder was given. */
  constructor(files) {
    this.files = files;
    this.size = files.reduce((sum, { file }) => sum + file.size, 0);
    const folder = files[0].path.split("/")[0];
    this.name = files[0].path.includes("/") ? folder : `${files.length} files`;
  }
}

/** What to open of chosen or dropped files: one file as it is, several as a set; null where there is none. */
export function together(files) {
  if (files.length < 2) return files[0] ?? null;
  return new FileSet(files.map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** The files of a folder chosen by the system's dialog. */
export function ofFolder(files) {
  return files.length ? new FileSet(files.map((file) => ({ file, path: file.webkitRelativePath || file.name }))) : null;
}

/** What was dropped, folders included. To be called while the drop is handled: the browser forgets it afterwards. */
export function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return Promise.resolve(together([...transfer.files]));
  return walk(entries).then((files) => (files.length ? new FileSet(files) : null));
}

async function walk(entries, depth = 0, found = []) {
  for (const entry of entries) {
    if (found.length >= MOST_FILES) break;
    const path = entry.fullPath.replace(/^\//, "");
    if (entry.isFile) found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    else if (depth < DEEPEST) await walk(await children(entry), depth + 1, found);
  }
  return found;
}

async function children(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    // A reader gives some at a time, and none when there are no more.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

/**
 * What of a set is opened: `{ name, files: [{ name, source, isIncrement }] }` for a log, `{ file }` for a single file. `order(names, manifestName, manifest)` is what the reader knows of logs. Fails with words for the reader.
 */
export async function chosenOf(set, order) {
  const manifests = set.files.filter(({ file }) => MANIFEST.test(file.name) && !file.name.startsWith("temp-"));
  if (manifests.length > 1) throw refusal("There are several logs here.", `Open the folder of one of them: ${manifests.map(({ path }) => path).join(", ")}.`);
  const [manifest] = manifests;
  const folder = manifest ? folderOf(manifest.path) : null;
  const beside = manifest ? set.files.filter(({ path }) => folderOf(path) === folder) : set.files;
  const names = beside.map(({ file }) => file.name);
  let listed;
  try {
    listed = await order(names, manifest?.file.name, manifest && new Uint8Array(await manifest.file.arrayBuffer()));
  } catch (error) {
    if (error.code !== "bad-manifest" && !Number.isFinite(error.offset)) throw error;
    throw refusal(manifest ? "The manifest of this log cannot be followed." : "These files are no log.", error.message);
  }
  if (!listed) return singleOf(set);
  const files = listed.map(({ name, role }) => {
    const { file } = beside.find((one) => one.file.name === name);
    return { name, source: file, isIncrement: role === "incr" || file.size === 0 };
  });
  const empty = files.find(({ name, source }) => source.size === 0 && name.endsWith(".rdb"));
  if (empty) throw refusal("The base of this log is empty.", `${empty.name} holds no bytes at all.`);
  return { name: folder?.split("/").at(-1) || (manifest?.file.name ?? names[0]).replace(MANIFEST, ""), files };
}

function singleOf({ files }) {
  const first = files.find(({ file }) => DUMP.test(file.name)) ?? files[0];
  return { file: first.file };
}

function folderOf(path) {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function refusal(text, advice) {
  return Object.assign(new Error(text), { refusal: { text, advice } });
}
