// Text ↔ tokens. Normalisers, patterns and the Unigram model are the library's; ours are the order
// of the steps, a cache of encoded words (real text repeats words: ten times faster) and byte-pair
// encoding. So every piece knows what its tokens spell, which maps target text to target tokens
// (spans.ts).
import { UserError } from '../../crds/failures/errors.ts';
import { splitAt } from './added-tokens.ts';
import { createBpe, type EncodeWord } from './bpe.ts';
import { createNormalizer } from './normalize.ts';
import { fromByteAlphabet, fromSentencePiece } from './token-bytes.ts';
import { createWords, type Words } from './token-words.ts';
import type { BpeModel, TokenizerDefinition, TokenizerJson } from './tokenizer-definition.ts';
import { createLibraryTokenizer, type LibraryTokenizer } from './tokenizer-library.ts';
import { createWordPiece, joinWordPieces } from './word-piece.ts';

export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabularySize: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  /** Whether plain text begins with the begin token. */
  readonly addBos: boolean;
  /** Texts of the special tokens, such as the end of a turn. */
  readonly specialTexts: readonly string[];
  /** Tokens of a text without begin or end token. */
  readonly encode: (text: string) => number[];
  /**
   * The same tokens in pieces: added tokens, and the text between them. Stops soon after `most`
   * tokens.
   */
  readonly pieces: (text: string, most?: number) => Piece[];
  /** What the pieces of a text would spell, without computing tokens. */
  readonly spelling: (text: string, first: boolean) => string;
  readonly bytesOf: (id: number) => Uint8Array;
  readonly decode: (ids: Iterable<number>) => string;
}

export interface Piece {
  /** Pieces concatenated are the text. */
  readonly text: string;
  /** What the ids spell: the normalised text; undefined for an added token. */
  readonly spelled: string | undefined;
  readonly ids: readonly number[];
}

interface Spelled {
  readonly spelled: string;
  readonly ids: number[];
}

export function createTokenizer(definition: TokenizerDefinition): Tokenizer {
  const { json } = definition;
  const library = openLibrary(json);
  const words = createWords(json.pre_tokenizer);
  const normalizer = createNormalizer(json.normalizer, library);
  const normalize = (text: string) => normalizer?.(text) ?? text;
  const isNormalized = (token: TokenizerJson['added_tokens'][number]) =>
    normalizer !== undefined && (token.normalized ?? !token.special);
  const sections = splitAt(json.added_tokens.filter((token) => !isNormalized(token)));
  const innerSections = splitAt(json.added_tokens.filter(isNormalized), normalize);
  const encodeWord = remembered(words, wordEncoder(json, library));
  const cut = words.alphabet === 'bytes' ? whole : cutWhereNoTokenReaches(json);
  const spellings = tokenSpellings(json, normalize);

  const encodeSection = (text: string, first: boolean, most: number): Spelled => {
    const ids: number[] = [];
    let spelled = '';
    for (const [index, section] of innerSections(normalize(text)).entries()) {
      if (section.id !== undefined) {
        ids.push(section.id);
        spelled += section.text;
        continue;
      }
      for (const word of words.split(section.text, first && index === 0)) {
        spelled += word;
        for (const part of cut(word)) for (const id of encodeWord(part)) ids.push(id);
        if (ids.length > most) return { spelled, ids };
      }
    }
    return { spelled, ids };
  };
  const pieces = (text: string, most = Number.POSITIVE_INFINITY): Piece[] => {
    const found: Piece[] = [];
    let left = most;
    for (const [index, { text: part, id }] of sections(text).entries()) {
      const spelled =
        id === undefined
          ? encodeSection(part, index === 0, left)
          : { spelled: undefined, ids: [id] };
      found.push({ text: part, ...spelled });
      left -= spelled.ids.length;
      if (left < 0) break;
    }
    return found;
  };
  const bytesOf = byteTable(spellings, (spelling) => toBytes(spelling, words.alphabet, json));
  const bos = idOf(definition.bos, spellings);
  return {
    vocabularySize: largest(spellings.keys()) + 1,
    bos,
    eos: idOf(definition.eos, spellings),
    addBos: bos !== undefined && addsBos(definition, library),
    specialTexts: json.added_tokens.filter((token) => token.special).map((token) => token.content),
    encode: (text) => pieces(text).flatMap((piece) => piece.ids),
    pieces,
    spelling: (text, first) => words.split(normalize(text), first).join(''),
    bytesOf,
    decode: decoder(json, spellings, bytesOf),
  };
}

/** Whether plain text begins with the begin token, without the tables that encoding needs. */
export function addsBos(
  { json, bos, addBos }: TokenizerDefinition,
  library: LibraryTokenizer = openLibrary(json),
): boolean {
  if (bos === undefined || !hasToken(json, bos)) return false;
  return addBos ?? beginsWith(library, bos);
}

function hasToken({ model, added_tokens: added }: TokenizerJson, text: string): boolean {
  if (added.some(({ content }) => content === text)) return true;
  return model.type === 'Unigram'
    ? model.vocab.some(([token]) => token === text)
    : Object.hasOwn(model.vocab, text);
}

/** The library without a model of ours, since building it costs more than all the rest. */
function openLibrary(json: TokenizerJson): LibraryTokenizer {
  const model = json.model.type === 'Unigram' ? json.model : { type: 'BPE', vocab: {}, merges: [] };
  const parts = {
    model,
    normalizer: json.normalizer ?? null,
    post_processor: json.post_processor ?? null,
    pre_tokenizer: null,
    decoder: null,
    added_tokens: [],
  };
  try {
    return createLibraryTokenizer(parts);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(`the tokenizer has a part that is not supported: ${reason}`, error);
  }
}

function wordEncoder(json: TokenizerJson, library: LibraryTokenizer): EncodeWord {
  if (json.model.type === 'BPE') return bpeEncoder(json.model);
  if (json.model.type === 'WordPiece') return createWordPiece(json.model);
  const { model } = library;
  return (word) => {
    const ids = model._call([word]).map((token) => model.tokens_to_ids.get(token));
    return ids.map((id) => id ?? model.unk_token_id).filter((id) => id !== undefined);
  };
}

function bpeEncoder(model: BpeModel): EncodeWord {
  const vocabulary = new Map(Object.entries(model.vocab));
  return createBpe({
    vocabulary,
    merges: model.merges.map((pair) => (typeof pair === 'string' ? splitPair(pair) : pair)),
    wholeWordsFirst: model.ignore_merges === true,
    byteFallback: model.byte_fallback === true,
    fuseUnknown: model.fuse_unk === true,
    endOfWord: model.end_of_word_suffix ?? '',
    unknown: model.unk_token == null ? undefined : vocabulary.get(model.unk_token),
  });
}

function whole(word: string): string[] {
  return [word];
}

function splitPair(pair: string): readonly [string, string] {
  const space = pair.indexOf(' ');
  return [pair.slice(0, space), pair.slice(space + 1)];
}

/**
 * Sentencepiece vocabularies have no pre-tokenizer: a whole text is one word. It can be split
 * before a ▁ without changing any token, unless some token contains the preceding character and the
 * ▁.
 */
function cutWhereNoTokenReaches({ model }: TokenizerJson): (word: string) => string[] {
  if (model.type !== 'BPE') return whole;
  const before = new Set<string>();
  for (const token of Object.keys(model.vocab)) {
    for (const [character] of token.matchAll(/.(?=▁)/gsu)) before.add(character);
  }
  const kept = [...before].map((character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  const cut = new RegExp(`(?<=[^${kept.join('')}])(?=▁)`, 'u');
  return (word) => (word.includes('▁') ? word.split(cut) : [word]);
}

const mostWords = 200_000;
const longestWord = 48;

/** Caches the ids of words; clears the cache when full, which costs less than an LRU. */
function remembered(words: Words, encode: EncodeWord): (word: string) => readonly number[] {
  const known = new Map<string, readonly number[]>();
  return (word) => {
    const ids = known.get(word);
    if (ids !== undefined) return ids;
    const fresh = encode(words.spell(word));
    if (word.length > longestWord) return fresh;
    if (known.size >= mostWords) known.clear();
    known.set(word, fresh);
    return fresh;
  };
}

interface Spelling {
  readonly text: string;
  readonly added: boolean;
}

function tokenSpellings(
  json: TokenizerJson,
  normalize: (text: string) => string,
): ReadonlyMap<number, Spelling> {
  const spellings = new Map<number, Spelling>();
  const { model } = json;
  if (model.type === 'Unigram') {
    for (const [id, [text]] of model.vocab.entries()) spellings.set(id, { text, added: false });
  } else {
    for (const [text, id] of Object.entries(model.vocab)) spellings.set(id, { text, added: false });
  }
  for (const token of json.added_tokens) {
    const text = (token.normalized ?? !token.special) ? normalize(token.content) : token.content;
    spellings.set(token.id, { text, added: true });
  }
  if (spellings.size === 0) {
    throw invalid('the tokenizer has no tokens');
  }
  return spellings;
}

function largest(ids: Iterable<number>): number {
  let most = 0;
  for (const id of ids) if (id > most) most = id;
  return most;
}

function idOf(text: string | undefined, spellings: ReadonlyMap<number, Spelling>) {
  if (text === undefined) return undefined;
  for (const [id, spelling] of spellings) if (spelling.text === text) return id;
  return undefined;
}

function beginsWith(library: LibraryTokenizer, bos: string | undefined): boolean {
  return library.post_processor?.post_process([], null, true).tokens[0] === bos;
}

function decoder(
  { model }: TokenizerJson,
  spellings: ReadonlyMap<number, Spelling>,
  bytesOf: Tokenizer['bytesOf'],
): Tokenizer['decode'] {
  if (model.type !== 'WordPiece') {
    // Buffer keeps a byte order mark, which a TextDecoder would drop.
    return (ids) => Buffer.concat(Array.from(ids, bytesOf)).toString();
  }
  const textOf = (id: number) => spellings.get(id)?.text ?? '';
  return (ids) => joinWordPieces(Array.from(ids, textOf), model.continuing_subword_prefix);
}

const noBytes = new Uint8Array(0);

function byteTable(
  spellings: ReadonlyMap<number, Spelling>,
  toBytes: (spelling: Spelling) => Uint8Array,
): (id: number) => Uint8Array {
  const known: Uint8Array[] = [];
  return (id) => {
    const found = known[id];
    if (found !== undefined) return found;
    const spelling = spellings.get(id);
    const bytes = spelling === undefined ? noBytes : toBytes(spelling);
    known[id] = bytes;
    return bytes;
  };
}

function toBytes(
  { text, added }: Spelling,
  alphabet: Words['alphabet'],
  json: TokenizerJson,
): Uint8Array {
  const { model } = json;
  if (model.type === 'WordPiece') {
    const prefix = model.continuing_subword_prefix;
    return Buffer.from(!added && text.startsWith(prefix) ? text.slice(prefix.length) : text);
  }
  const suffix = model.type === 'BPE' ? model.end_of_word_suffix : undefined;
  if (!added && suffix != null && suffix !== '' && text.endsWith(suffix)) {
    const word = toBytes({ text: text.slice(0, -suffix.length), added }, alphabet, json);
    return Buffer.concat([word, Buffer.from(' ')]);
  }
  if (added) return alphabet === 'bytes' ? Buffer.from(text) : fromAdded(text);
  return alphabet === 'bytes'
    ? (fromByteAlphabet(text) ?? Buffer.from(text))
    : fromSentencePiece(text);
}

/** Some vocabularies have runs of ▁ as added tokens, which also mean spaces. */
function fromAdded(text: string): Uint8Array {
  return /^▁+$/.test(text) ? Buffer.from(' '.repeat(text.length)) : Buffer.from(text);
}

function invalid(message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message, cause });
}
