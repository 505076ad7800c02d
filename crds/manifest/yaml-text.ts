// YAML text to plain values with their positions. Hostile files are bounded by size, depth and the
// number of values after aliases, before any value is built.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLError,
} from 'yaml';

export const maxBytes = 512 * 1024;
const maxDepth = 64;
const maxNodes = 20_000;
const maxTokens = 60_000;
const mostSyntaxProblems = 3;

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface YamlDocument {
  /** Objects, arrays and scalars; undefined for an empty document. */
  readonly value: unknown;
  readonly problems: readonly YamlProblem[];
  /** Where a value begins; for a missing value, the key of the closest object around it. */
  positionOf(path: readonly PropertyKey[]): Position;
  /** Position of the key of a value. */
  positionOfKey(path: readonly PropertyKey[]): Position;
  /** A scalar as written: `2e-4` where the value is 0.0002. */
  sourceOf(path: readonly PropertyKey[]): string | undefined;
}

interface YamlProblem extends Position {
  readonly message: string;
}

interface Spot {
  readonly key: number;
  readonly value: number;
  readonly source: string | undefined;
}

/** Undefined for a text with more parts than any job has: the parser would be slow. */
export function readYaml(text: string): readonly YamlDocument[] | undefined {
  if (hasTooManyTokens(text)) return undefined;
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    schema: 'core',
    merge: false,
    logLevel: 'silent',
  });
  return [...parsed].map((document) => new Reader(document as Document, lines, text).read());
}

function hasTooManyTokens(text: string): boolean {
  let left = maxTokens;
  for (const _token of new Lexer().lex(text)) {
    left -= 1;
    if (left < 0) return true;
  }
  return false;
}

class TooLarge extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Walks one document; records the positions of all values by path. */
class Reader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #text: string;
  readonly #spots = new Map<string, Spot>();
  readonly #problems: YamlProblem[] = [];
  #left = maxNodes;

  constructor(document: Document, lines: LineCounter, text: string) {
    this.#document = document;
    this.#text = text;
    this.#lines = lines;
  }

  read(): YamlDocument {
    const { errors, warnings, contents } = this.#document;
    // One mistake causes many parser errors; the first ones are the useful ones.
    const found = [...errors, ...warnings].slice(0, mostSyntaxProblems);
    for (const error of found) this.#problems.push(this.#fromParser(error));
    const value = found.length > 0 ? undefined : this.#bounded(contents);
    const spots = this.#spots;
    const at = (offset: number) => this.#positionAt(offset);
    return {
      value,
      problems: this.#problems,
      positionOf: (path) => {
        const own = spots.get(keyOf(path));
        return at(own?.value ?? nearestSpot(spots, path)?.key ?? 0);
      },
      positionOfKey: (path) => at((spots.get(keyOf(path)) ?? nearestSpot(spots, path))?.key ?? 0),
      sourceOf: (path) => spots.get(keyOf(path))?.source,
    };
  }

  #bounded(contents: unknown): unknown {
    if (!isNode(contents) || (isScalar(contents) && contents.value === null)) return undefined;
    try {
      return this.#value(contents, [], offsetOf(contents));
    } catch (thrown) {
      if (!(thrown instanceof TooLarge)) throw thrown;
      this.#problems.push({ ...this.#positionAt(thrown.offset), message: thrown.message });
      return undefined;
    }
  }

  #value(node: Node | null, path: readonly PropertyKey[], key: number): unknown {
    const offset = node === null ? key : offsetOf(node);
    if (path.length > maxDepth)
      throw new TooLarge(`is nested deeper than ${maxDepth} levels`, offset);
    this.#left -= 1;
    if (this.#left < 0) throw new TooLarge(`has more than ${maxNodes} values`, offset);
    const source = isScalar(node) ? node.source : undefined;
    this.#spots.set(keyOf(path), { key, value: offset, source });
    if (isAlias(node)) return this.#value(this.#target(node, offset), path, key);
    if (isMap(node)) return this.#map(node.items as readonly MapItem[], path);
    if (isSeq(node)) {
      return node.items.map((item, index) =>
        this.#value(item as Node, [...path, index], offsetOf(item)),
      );
    }
    return isScalar(node) ? node.value : null;
  }

  #target(alias: Alias, offset: number): Node | null {
    const target = alias.resolve(this.#document);
    if (target === undefined) {
      const message = `repeats *${alias.source}, but nothing before it is marked &${alias.source}`;
      this.#problems.push({ ...this.#positionAt(offset), message });
    }
    return target ?? null;
  }

  #map(items: readonly MapItem[], path: readonly PropertyKey[]): unknown {
    const entries = items.flatMap(({ key, value }): [string, unknown][] => {
      const offset = offsetOf(key);
      if (!isScalar(key)) {
        this.#problems.push({
          ...this.#positionAt(offset),
          message: 'has a key that is not a plain word',
        });
        return [];
      }
      const name = typeof key.value === 'string' ? key.value : String(key.source ?? key.value);
      return [[name, this.#value(value, [...path, name], offset)]];
    });
    // fromEntries defines keys, so that a key named __proto__ is an ordinary key.
    return Object.fromEntries(entries);
  }

  #fromParser({ code, message, pos }: YAMLError): YamlProblem {
    const key = /^["']?([\w-]{1,60})/.exec(this.#text.slice(pos[0], pos[0] + 80))?.[1];
    const words =
      code === 'DUPLICATE_KEY'
        ? `has the key ${key ?? 'here'} twice in one object; a key may occur once`
        : `is not valid YAML: ${firstLine(message)}`;
    return { ...this.#positionAt(pos[0]), message: words };
  }

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

interface MapItem {
  readonly key: unknown;
  readonly value: Node | null;
}

function keyOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path);
}

function nearestSpot(
  spots: ReadonlyMap<string, Spot>,
  path: readonly PropertyKey[],
): Spot | undefined {
  for (let length = path.length - 1; length >= 0; length--) {
    const spot = spots.get(keyOf(path.slice(0, length)));
    if (spot !== undefined) return spot;
  }
  return undefined;
}

function offsetOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null ? Reflect.get(node, 'range') : undefined;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0;
}

function firstLine(message: string): string {
  // The parser recurses for each level, and reports a stack overflow like any other error.
  if (/call stack|stack overflow/i.test(message)) return 'it is nested too deeply';
  // The parser quotes the text as it is: a tab would shift what follows in the terminal.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what goes
  const line = (message.split('\n', 1)[0] ?? '').replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  return line.charAt(0).toLowerCase() + line.slice(1);
}
