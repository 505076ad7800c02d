// JSON by RFC 8259 for headers of untrusted files. `JSON.parse` keeps the last of two equal keys
// and nests without limit; both have been used to show two readers different files.

export type StrictJson =
  | null
  | boolean
  | number
  | string
  | readonly StrictJson[]
  | ReadonlyMap<string, StrictJson>;

export class StrictJsonError extends Error {}

export function parseStrictJson(text: string, limits: { readonly maxDepth: number }): StrictJson {
  const cursor: Cursor = { text, at: 0, maxDepth: limits.maxDepth };
  const value = parseValue(cursor, 0);
  skipSpace(cursor);
  if (cursor.at < text.length) throw unexpected(cursor, 'the end');
  return value;
}

interface Cursor {
  readonly text: string;
  readonly maxDepth: number;
  at: number;
}

function parseValue(cursor: Cursor, depth: number): StrictJson {
  skipSpace(cursor);
  switch (cursor.text[cursor.at]) {
    case '{':
      return parseObject(cursor, deeper(cursor, depth));
    case '[':
      return parseList(cursor, deeper(cursor, depth));
    case '"':
      return parseString(cursor);
    case 't':
      return parseWord(cursor, 'true', true);
    case 'f':
      return parseWord(cursor, 'false', false);
    case 'n':
      return parseWord(cursor, 'null', null);
    default:
      return parseNumber(cursor);
  }
}

function parseObject(cursor: Cursor, depth: number): ReadonlyMap<string, StrictJson> {
  const entries = new Map<string, StrictJson>();
  cursor.at += 1;
  if (takeIf(cursor, '}')) return entries;
  for (;;) {
    skipSpace(cursor);
    if (cursor.text[cursor.at] !== '"') throw unexpected(cursor, 'a key');
    const key = parseString(cursor);
    if (entries.has(key)) {
      throw new StrictJsonError(`the key ${JSON.stringify(key.slice(0, 80))} occurs twice`);
    }
    if (!takeIf(cursor, ':')) throw unexpected(cursor, '":"');
    entries.set(key, parseValue(cursor, depth));
    if (takeIf(cursor, '}')) return entries;
    if (!takeIf(cursor, ',')) throw unexpected(cursor, '"," or "}"');
  }
}

function parseList(cursor: Cursor, depth: number): readonly StrictJson[] {
  const values: StrictJson[] = [];
  cursor.at += 1;
  if (takeIf(cursor, ']')) return values;
  for (;;) {
    values.push(parseValue(cursor, depth));
    if (takeIf(cursor, ']')) return values;
    if (!takeIf(cursor, ',')) throw unexpected(cursor, '"," or "]"');
  }
}

function parseString(cursor: Cursor): string {
  const start = cursor.at;
  let end = cursor.text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(cursor.text, end)) end = cursor.text.indexOf('"', end + 1);
  if (end === -1) throw new StrictJsonError(`the string at character ${start} has no end`);
  cursor.at = end + 1;
  return parsePiece(cursor.text.slice(start, end + 1), start);
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

const numberPattern = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

function parseNumber(cursor: Cursor): number {
  numberPattern.lastIndex = cursor.at;
  const [digits] = numberPattern.exec(cursor.text) ?? [];
  if (digits === undefined) throw unexpected(cursor, 'a value');
  cursor.at += digits.length;
  return Number(digits);
}

function parseWord<T>(cursor: Cursor, word: string, value: T): T {
  if (!cursor.text.startsWith(word, cursor.at)) throw unexpected(cursor, word);
  cursor.at += word.length;
  return value;
}

function parsePiece(piece: string, at: number): string {
  try {
    // The text between two quotes parses to a string or throws.
    return JSON.parse(piece) as string;
  } catch (cause) {
    throw new StrictJsonError(`the string at character ${at} is not a JSON string`, { cause });
  }
}

function deeper({ maxDepth }: Cursor, depth: number): number {
  if (depth < maxDepth) return depth + 1;
  throw new StrictJsonError(`it nests deeper than ${maxDepth} levels`);
}

function takeIf(cursor: Cursor, mark: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== mark) return false;
  cursor.at += 1;
  return true;
}

function skipSpace(cursor: Cursor): void {
  for (;;) {
    const character = cursor.text[cursor.at];
    const isSpace =
      character === ' ' || character === '\n' || character === '\t' || character === '\r';
    if (!isSpace) return;
    cursor.at += 1;
  }
}

function unexpected({ text, at }: Cursor, wanted: string): StrictJsonError {
  const found = at < text.length ? JSON.stringify(text[at]) : 'the end';
  return new StrictJsonError(`character ${at} is ${found}; it must be ${wanted}`);
}
