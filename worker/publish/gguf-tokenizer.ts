// A tokenizer as GGUF metadata. One from a GGUF file is copied bit for bit; one from tokenizer.json
// is converted: tokens and types, merges (byte-level) or scores (sentencepiece), and the name of
// the splitting rules, which the format has only by name.
import { UserError } from '../../crds/failures/errors.ts';
import { gpt2Pattern } from '../data/token-words.ts';
import { addsBos } from '../data/tokenizer.ts';
import type { BpeModel, TokenizerDefinition } from '../data/tokenizer-definition.ts';
import { splittingRules } from '../data/tokenizer-gguf.ts';
import type { GgufHeader } from '../files/gguf-header.ts';
import { asBytes, type GgufPair } from '../files/gguf-writer.ts';

type Pairs = ReadonlyMap<string, GgufPair>;

const TokenType = {
  Normal: 1,
  Unknown: 2,
  Control: 3,
  UserDefined: 4,
  Unused: 5,
  Byte: 6,
} as const;

/** Of the GGUF file that the model came from. */
export function copiedTokenizer({ metadata }: Pick<GgufHeader, 'metadata'>): Pairs {
  const own = [...metadata].filter(([key]) => key.startsWith('tokenizer.'));
  return new Map(
    own.map(([key, { type, raw }]) => [key, { type: 'raw', valueType: type, value: raw }]),
  );
}

/** `rows` is the number of rows of the embedding: the format needs one token for each. */
export function ggufTokenizer(definition: TokenizerDefinition, rows: number): Pairs {
  const { json } = definition;
  if (json.model.type !== 'BPE') {
    throw unsupported(`a ${json.model.type} tokenizer cannot be written into a GGUF file; BPE can`);
  }
  const { model } = json;
  const isSentencePiece = model.byte_fallback === true;
  const tokens = tokensOf(definition, model, rows);
  const { texts, types } = tokens;
  return new Map<string, GgufPair>([
    ['tokenizer.ggml.model', { type: 'string', value: isSentencePiece ? 'llama' : 'gpt2' }],
    [
      'tokenizer.ggml.pre',
      { type: 'string', value: isSentencePiece ? 'default' : rulesName(json) },
    ],
    ['tokenizer.ggml.tokens', asBytes({ type: 'strings', value: texts })],
    ...(isSentencePiece
      ? ([
          ['tokenizer.ggml.scores', asBytes({ type: 'float32s', value: scoresOf(model, tokens) })],
        ] as const)
      : ([
          ['tokenizer.ggml.merges', asBytes({ type: 'strings', value: mergesOf(model) })],
        ] as const)),
    ['tokenizer.ggml.token_type', asBytes({ type: 'int32s', value: types })],
    ...idPair('bos_token_id', texts, definition.bos),
    ...idPair('eos_token_id', texts, definition.eos),
    ...idPair('unknown_token_id', texts, model.unk_token ?? undefined),
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: addsBos(definition) }],
    ['tokenizer.ggml.add_space_prefix', { type: 'bool', value: prependsSpace(json) }],
    ...(definition.chatTemplate === undefined
      ? []
      : ([
          ['tokenizer.chat_template', { type: 'string', value: definition.chatTemplate }],
        ] as const)),
  ]);
}

/** Of all ids: a vocabulary has too many for an object each. */
interface Tokens {
  readonly texts: readonly string[];
  readonly types: readonly number[];
}

function tokensOf(
  { json }: TokenizerDefinition,
  { vocab, unk_token }: BpeModel,
  rows: number,
): Tokens {
  // Embeddings padded for speed have more rows than there are tokens.
  const texts = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = Array.from({ length: rows }, (): number => TokenType.Unused);
  const put = (id: number, text: string, type: number): void => {
    if (id >= rows) {
      throw unsupported(`the token ${text} has the id ${id}; the embedding has ${rows} rows`);
    }
    texts[id] = text;
    types[id] = type;
  };
  for (const text of Object.keys(vocab)) {
    const isByte = /^<0x[0-9A-F]{2}>$/.test(text);
    const type = text === unk_token ? TokenType.Unknown : TokenType.Normal;
    put(vocab[text] ?? 0, text, isByte ? TokenType.Byte : type);
  }
  for (const { id, content, special } of json.added_tokens) {
    if (content === unk_token) continue;
    put(id, content, special ? TokenType.Control : TokenType.UserDefined);
  }
  return { texts, types };
}

function mergesOf({ merges }: BpeModel): readonly string[] {
  return merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
}

/** Sentencepiece merges the pair with the best score: earlier merges give higher scores. */
function scoresOf(model: BpeModel, { texts, types }: Tokens): readonly number[] {
  const ranks = new Map<string, number>();
  for (const [rank, merge] of model.merges.entries()) {
    const text = (typeof merge === 'string' ? merge.split(' ') : merge).join('');
    if (!ranks.has(text)) ranks.set(text, rank);
  }
  return texts.map((text, id) => {
    const type = types[id];
    if (type === TokenType.Byte || type === TokenType.Unknown) return 0;
    if (type !== TokenType.Normal) return -1000;
    return -(ranks.get(text) ?? model.merges.length + id);
  });
}

function idPair(key: string, texts: readonly string[], text: string | undefined) {
  const id = text === undefined ? -1 : texts.indexOf(text);
  if (id < 0) return [];
  return [[`tokenizer.ggml.${key}`, { type: 'uint32', value: id }]] as const;
}

/** The name that GGUF readers use for the way this tokenizer splits text into words. */
function rulesName({ pre_tokenizer }: TokenizerDefinition['json']): string {
  const patterns = patternsOf(pre_tokenizer);
  for (const [name, rules] of Object.entries(splittingRules)) {
    if (name === 'default') continue;
    const isSame = rules.patterns.length === patterns.length;
    if (isSame && rules.patterns.every((pattern, i) => pattern === patterns[i])) return name;
  }
  const known = Object.keys(splittingRules).join(', ');
  throw unsupported(
    `the tokenizer splits words by ${JSON.stringify(patterns)}; GGUF has no name for that (${known})`,
  );
}

function patternsOf(step: unknown): readonly string[] {
  const {
    type,
    pretokenizers = [],
    pattern,
    individual_digits: isDigit,
    use_regex: usesPattern = true,
  } = preTokenizer(step);
  if (type === 'Sequence') return pretokenizers.flatMap(patternsOf);
  if (type === 'Digits' && isDigit) return ['\\p{N}'];
  if (type === 'Split' && pattern?.Regex !== undefined) return [pattern.Regex];
  if (type === 'ByteLevel') return usesPattern ? [gpt2Pattern] : [];
  return [`a step of type ${type ?? 'none'}`];
}

interface PreTokenizer {
  readonly type?: string;
  readonly pretokenizers?: readonly unknown[];
  readonly pattern?: { readonly Regex?: string };
  readonly individual_digits?: boolean;
  readonly use_regex?: boolean;
}

function preTokenizer(step: unknown): PreTokenizer {
  // createTokenizer has checked these fields of the same JSON.
  return typeof step === 'object' && step !== null ? (step as PreTokenizer) : {};
}

function prependsSpace({ normalizer, pre_tokenizer }: TokenizerDefinition['json']): boolean {
  const text = JSON.stringify([normalizer, pre_tokenizer]);
  return /"type":"Prepend"|"prepend_scheme":"(first|always)"|"add_prefix_space":true/.test(text);
}

function unsupported(message: string): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message });
}
