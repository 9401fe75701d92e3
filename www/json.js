// JSON laid out by lines without being turned into objects: numbers keep every digit, repeated names and
// `__proto__` stay what they are. A text that was cut is laid out as far as it goes.

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const DEEPEST = 512;

/**
 * Lines of `text` as `{ starts, ends, depths }` into it, or null when it is no JSON. With `cut`, the end
 * may be missing.
 */
export function layout(text, cut = false) {
  const lines = { starts: [], ends: [], depths: [] };
  let at = 0;
  let lineStart = -1;
  let depth = 0;
  const stack = [];

  const skip = () => {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
  };
  const take = (pattern) => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const begin = () => {
    lineStart = at;
  };
  const end = () => {
    if (lineStart < 0) return;
    lines.starts.push(lineStart);
    lines.ends.push(at);
    lines.depths.push(depth);
    lineStart = -1;
  };
  // A value may stop short at the end of a cut text.
  const short = () => {
    if (!cut || lines.starts.length === 0 && lineStart < 0) return null;
    if (lineStart < 0) lineStart = at;
    at = text.length;
    end();
    return lines;
  };

  skip();
  begin();
  let want = "value";
  for (;;) {
    skip();
    if (want === "end") {
      return at === text.length ? lines : null;
    }
    if (at >= text.length) return short();
    const char = text[at];
    if (want === "name") {
      if (!take(STRING)) return unfinished(text, at) ? short() : null;
      skip();
      if (at >= text.length) return short();
      if (text[at] !== ":") return null;
      at += 1;
      want = "value";
    } else if (want === "value") {
      if (char === "{" || char === "[") {
        const close = char === "{" ? "}" : "]";
        at += 1;
        const open = at;
        skip();
        if (text[at] === close) {
          at += 1;
          want = "after";
        } else {
          if (stack.length >= DEEPEST) return null;
          const next = at;
          at = open;
          end();
          at = next;
          stack.push(close);
          depth += 1;
          begin();
          want = char === "{" ? "name" : "value";
        }
      } else if (take(STRING) || take(WORD) || take(NUMBER)) {
        want = "after";
      } else {
        return unfinished(text, at) ? short() : null;
      }
    } else if (char === ",") {
      at += 1;
      end();
      skip();
      begin();
      want = stack.at(-1) === "}" ? "name" : "value";
    } else if (char === stack.at(-1)) {
      end();
      stack.pop();
      depth -= 1;
      begin();
      at += 1;
      want = "after";
    } else {
      return null;
    }
    if (want === "after" && stack.length === 0) {
      end();
      want = "end";
    }
  }
}

/** What stands at `at` could be the beginning of a longer string, number or word. */
function unfinished(text, at) {
  const rest = text.slice(at);
  return rest[0] === '"' ? !/[^\\]"/.test(rest.slice(1)) : rest.length < 5 && /^(-?[0-9.eE+-]*|[a-z]+)$/.test(rest);
}

const TOKEN = /"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/g;

/** The tokens of one line: `[{ kind: "key" | "string" | "number" | "word" | "sign", text }]`. */
export function tokens(line) {
  const found = line.match(TOKEN) ?? [];
  return found.map((text, at) => ({ text, kind: kindOf(text, found[at + 1]) }));
}

function kindOf(text, next) {
  if (text[0] === '"') return next === ":" ? "key" : "string";
  if (text === ":" || text === "," || "{}[]".includes(text)) return "sign";
  return /^[-0-9]/.test(text) ? "number" : "word";
}

/** The whole as text with two blanks a level, every token as it was. */
export function pretty(text, lines) {
  const out = [];
  for (let at = 0; at < lines.starts.length; at += 1) {
    out.push("  ".repeat(lines.depths[at]) + tokens(text.slice(lines.starts[at], lines.ends[at])).map((token) => (token.text === ":" ? ": " : token.text)).join(""));
  }
  return out.join("\n");
}
