// What the reader of a value takes with them: on the clipboard, or as a file.

import { COPY_BYTES } from "./limits.js";
import { download } from "./saving.js";
import { plain, utf8 } from "./text.js";
import { wholeOf } from "./value.js";

/** `copy(text, what)` puts text on the clipboard; `views.detail` says how it went. */
export function copyingActions(store, client, announce, value, copy, views) {
  /** Copies what has to be made first. */
  async function copyMade(make, what) {
    try {
      const { text, lost } = await make();
      if (!(await copy(text, what))) return;
      views.detail.flash();
      if (lost) views.detail.tell(leftOut(lost));
    } catch (error) {
      announce.alert(error.message);
      views.detail.tell(error.message);
    }
  }

  /** The value in full, or null after saying why it cannot be read. */
  async function wholeValue() {
    try {
      return await value.wholeBytes();
    } catch (error) {
      announce.alert(error.message);
      return null;
    }
  }

  return {
    async copyKey() {
      const { key } = store.state.detail.row;
      if (await copy(utf8(key) ?? plain(key, Infinity), "key")) views.detail.flash();
    },
    async copyValue() {
      const shown = wholeOf(store.state.detail) ?? store.state.detail.itemValue;
      if (!shown || shown.length > COPY_BYTES) return;
      const bytes = await wholeValue();
      if (!bytes) return;
      const text = await client.call("copyText", { format: views.detail.viewer().format(), bytes });
      if (await copy(text, "value")) views.detail.flash();
    },
    copyJson: () => copyMade(async () => ({ text: await value.jsonLine(), lost: "" }), "key as JSON"),
    copyCommands: () => copyMade(() => value.redisCli("commands"), "commands"),
    copyRestore: () => copyMade(() => value.redisCli("restore"), "RESTORE command"),
    async copyOffset() {
      if (await copy(String(store.state.detail.row.offset), "offset")) views.detail.flash();
    },

    /** A value too large to show, as a file. */
    async saveValue() {
      const bytes = await wholeValue();
      if (bytes) download(new Blob([bytes]), "value.bin");
    },
    /** What DUMP gives for the selected key, as a file. */
    async savePayload() {
      try {
        const { bytes, lost } = await value.payload();
        download(new Blob([bytes]), "key.dump");
        announce.say("Saved key");
        if (lost) views.detail.tell(leftOut(lost));
      } catch (error) {
        announce.alert(error.message);
        views.detail.tell(error.message);
      }
    },
    /** Likewise an argument of a command, straight from the file. */
    saveArgument(row, { start, length }) {
      const { source } = store.state.log.files[row.file];
      download(source.slice(row.offset + start, row.offset + start + length), "argument.bin");
    },
  };
}

function leftOut(lost) {
  return `Left out, since this form has no room for it: ${lost}.`;
}
