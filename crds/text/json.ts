// JSON from untrusted bytes: bounded in bytes, depth and number of values before it is parsed.
// `JSON.parse` has no bounds: 200 MB of nested brackets take it 8 GB and minutes. One linear pass
// without recursion counts; then the text is decoded.

export interface JsonLimit {
  readonly bytes: number;
  /** Nesting depth of lists and objects. */
  readonly depth: number;
  /**
   * Values in lists and objects, each of which costs some 50 bytes of memory regardless of its
   * length in the text.
   */
  readonly values: number;
}

const mib = 2 ** 20;
const million = 1e6;

/** Several times the largest known size of each kind, which is given in its comment. */
export const jsonLimits = {
  /** `config.json`: some KB; a megabyte where each layer is described. */
  modelConfig: { bytes: 16 * mib, depth: 32, values: million },
  /**
   * `tokenizer.json`: 33 MB and 1.8 million values (Gemma 3), 60 MB and 2.7 million (a vocabulary
   * of 900,000).
   */
  tokenizer: { bytes: 128 * mib, depth: 64, values: 4 * million },
  /** `pruning.json`: the kept places of all blocks, 2.3 million where 80 of 28,672 channels are. */
  prunedModel: { bytes: 64 * mib, depth: 8, values: 4 * million },
  /** `tokenizer_config.json`: 1.2 MB (Gemma 3). */
  tokenizerConfig: { bytes: 16 * mib, depth: 32, values: million },
  /** `model.safetensors.index.json`: 9 MB and 92,000 tensors (DeepSeek V3). */
  safetensorsIndex: { bytes: 64 * mib, depth: 8, values: 2 * million },
  /** Of one safetensors file: the byte limit of the format; 7 values describe a matrix. */
  safetensorsHeader: { bytes: 100_000_000, depth: 4, values: 4 * million },
  /** A manifest of 10,000 tensors has 2 MB. */
  checkpointManifest: { bytes: 64 * mib, depth: 64, values: 4 * million },
  /** One record of a data set. */
  record: { bytes: 64 * mib, depth: 128, values: 4 * million },
  /** A file of a run, its cache or its volume. */
  runRecord: { bytes: 64 * mib, depth: 64, values: 4 * million },
  /** A line of telemetry or of a log. */
  line: { bytes: 16 * mib, depth: 64, values: million },
  /**
   * A bus record, a plan, an environment variable: servers refuse more than one or two megabytes.
   */
  message: { bytes: 8 * mib, depth: 64, values: million },
  /** A page of a hub's listing has 1,000 files. */
  hubAnswer: { bytes: 64 * mib, depth: 32, values: 4 * million },
} as const satisfies Record<string, JsonLimit>;

/** Bytes that are refused. The message completes the sentence "FILE …". */
export class RefusedBytes extends Error {}

/** Parses `source`; throws RefusedBytes if it exceeds the limit or is not JSON. */
export function parseJson(source: Uint8Array | string, limit: JsonLimit): unknown {
  // A character has at least one byte: refuse a longer text before copying it.
  requireLength(source.length, limit.bytes);
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source;
  requireBounded(bytes, limit);
  const text = typeof source === 'string' ? source : decoded(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RefusedBytes(`is not JSON: ${withoutText(cause)}`, { cause });
  }
}

/**
 * Throws if `bytes` exceed the limit in size, depth or number of values; does not check whether
 * they are valid JSON.
 */
export function requireBounded(bytes: Uint8Array, { bytes: most, depth, values }: JsonLimit): void {
  requireLength(bytes.length, most);
  let open = 0;
  let count = 1;
  const { length } = bytes;
  for (let at = 0; at < length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at);
    else if (byte === comma) count += 1;
    else if (byte === openList || byte === openObject) {
      open += 1;
      count += 1;
      if (open > depth) throw new RefusedBytes(`nests deeper than ${depth} levels`);
    } else if (byte === closeList || byte === closeObject) open -= 1;
    if (count > values) throw new RefusedBytes(`has more than ${values} values`);
  }
}

export function requireLength(bytes: number, most: number): void {
  if (bytes > most) throw new RefusedBytes(`has ${bytes} bytes; at most ${most} are read`);
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** The end of the string that begins at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decoded(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new RefusedBytes('is not UTF-8 text', { cause });
  }
}

/** V8 quotes the text around the error; it may be private data and must not be in messages. */
function withoutText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/(, )?(\.\.\.)?".*$/s, '').toLowerCase();
}
