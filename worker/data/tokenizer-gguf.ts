// Rebuilds tokenizer.json from a GGUF file, which has tokens, their types, merges (byte-level) or
// scores (sentencepiece), and only the name of the splitting rules. The JSON is complete, so that
// other programs can read it from an exported model.
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { gpt2Pattern } from './token-words.ts';
import { parseTokenizerJson, type TokenizerDefinition } from './tokenizer-definition.ts';

/** The key-value pairs of a GGUF file. */
interface GgufMetadata {
  readonly get: (key: string) => unknown;
}

/** Token types in GGUF. */
const TokenType = { Unknown: 2, Control: 3, UserDefined: 4 } as const;

const metadataFields = z.object({
  model: z.string(),
  pre: z.string().optional(),
  tokens: z.array(z.string()),
  token_type: z.array(z.number()).optional(),
  merges: z.array(z.string()).optional(),
  scores: z.array(z.number()).optional(),
  bos_token_id: z.number().optional(),
  eos_token_id: z.number().optional(),
  add_bos_token: z.boolean().optional(),
  add_space_prefix: z.boolean().optional(),
});
type Fields = z.output<typeof metadataFields>;

export function tokenizerFromGguf(metadata: GgufMetadata): TokenizerDefinition {
  const raw = Object.fromEntries(
    Object.keys(metadataFields.shape).map((key) => [key, metadata.get(`tokenizer.ggml.${key}`)]),
  );
  const parsed = metadataFields.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unsupported(
      `tokenizer.ggml.${issue?.path.join('.')} is not as expected: ${issue?.message}`,
    );
  }
  const fields = parsed.data;
  const isBytes = fields.model === 'gpt2';
  if (!isBytes && fields.model !== 'llama') {
    throw unsupported(`the tokenizer model ${fields.model} is not supported; gpt2 and llama are`);
  }
  const vocab = Object.fromEntries(fields.tokens.map((token, id) => [token, id]));
  const template = metadata.get('tokenizer.chat_template');
  const bos = fields.tokens[fields.bos_token_id ?? -1];
  const eos = fields.tokens[fields.eos_token_id ?? -1];
  const addBos = fields.add_bos_token ?? (!isBytes || rulesOf(fields.pre).addsBos === true);
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(fields),
    post_processor: addBos && bos !== undefined ? beginning(bos, fields.bos_token_id ?? 0) : null,
    ...(isBytes ? byteLevelJson(fields, vocab) : sentencePieceJson(fields, vocab)),
  };
  return {
    json: parseTokenizerJson(json, 'the tokenizer of the GGUF file'),
    addBos,
    ...(bos !== undefined && { bos }),
    ...(eos !== undefined && { eos }),
    ...(typeof template === 'string' && { chatTemplate: template }),
  };
}

interface SplittingRules {
  readonly patterns: readonly string[];
  readonly normalizer?: 'NFC';
  readonly ignoreMerges?: true;
  readonly addsBos?: true;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const letters = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const others = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** Splitting rules by the names of tokenizer.ggml.pre. */
export const splittingRules: Readonly<Record<string, SplittingRules>> = {
  default: { patterns: [gpt2Pattern] },
  'gpt-2': { patterns: [gpt2Pattern] },
  smollm: { patterns: ['\\p{N}', gpt2Pattern] },
  starcoder: { patterns: ['\\p{N}', gpt2Pattern] },
  qwen2: { patterns: [`${contractions}|${letters}|\\p{N}|${others}`], normalizer: 'NFC' },
  'llama-bpe': {
    patterns: [`${contractions}|${letters}|\\p{N}{1,3}|${others}`],
    ignoreMerges: true,
    addsBos: true,
  },
};

function rulesOf(name = 'default'): SplittingRules {
  const rules = Object.hasOwn(splittingRules, name) ? splittingRules[name] : undefined;
  if (rules !== undefined) return rules;
  const known = Object.keys(splittingRules).join(', ');
  throw unsupported(
    `the splitting rules ${name} (tokenizer.ggml.pre) are not known; known are ${known}`,
  );
}

function byteLevelJson(fields: Fields, vocab: Readonly<Record<string, number>>) {
  const rules = rulesOf(fields.pre);
  if (fields.merges === undefined) throw unsupported('tokenizer.ggml.merges is missing');
  const splits = rules.patterns.map((Regex) => ({
    type: 'Split',
    pattern: { Regex },
    behavior: 'Isolated',
    invert: false,
  }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
  return {
    normalizer: rules.normalizer === undefined ? null : { type: rules.normalizer },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, { ...bytes, use_regex: false }] },
    decoder: { ...bytes, use_regex: true },
    model: {
      ...bpeFacts,
      ignore_merges: rules.ignoreMerges === true,
      vocab,
      merges: fields.merges,
    },
  };
}

/** Fields that readers of tokenizer.json require although they are defaults. */
const bpeFacts = {
  type: 'BPE',
  dropout: null,
  unk_token: null as string | null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

function sentencePieceJson(fields: Fields, vocab: Readonly<Record<string, number>>) {
  const { tokens, scores } = fields;
  if (scores?.length !== tokens.length) {
    throw unsupported('tokenizer.ggml.scores does not have one score a token');
  }
  const hasPrefix = fields.add_space_prefix !== false;
  const prepend = hasPrefix ? [{ type: 'Prepend', prepend: '▁' }] : [];
  const strip = hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  const replace = (from: string, content: string) => {
    return { type: 'Replace', pattern: { String: from }, content };
  };
  return {
    normalizer: { type: 'Sequence', normalizers: [...prepend, replace(' ', '▁')] },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [replace('▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, ...strip],
    },
    model: {
      ...bpeFacts,
      unk_token: tokens[fields.token_type?.indexOf(TokenType.Unknown) ?? -1] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab,
      merges: mergesByScore(tokens, scores, vocab),
    },
  };
}

/** A post-processor that prepends the begin token. */
function beginning(bos: string, id: number) {
  const begin = { SpecialToken: { id: bos, type_id: 0 } };
  const text = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } });
  return {
    type: 'TemplateProcessing',
    single: [begin, text('A', 0)],
    pair: [begin, text('A', 0), { SpecialToken: { id: bos, type_id: 1 } }, text('B', 1)],
    special_tokens: { [bos]: { id: bos, ids: [id], tokens: [bos] } },
  };
}

/**
 * Sentencepiece merges the pair whose token has the best score; as a list of merges this is every
 * split of every token.
 */
function mergesByScore(
  tokens: readonly string[],
  scores: readonly number[],
  vocab: Readonly<Record<string, number>>,
): (readonly [string, string])[] {
  const idOf = (piece: string) => (Object.hasOwn(vocab, piece) ? vocab[piece] : undefined);
  const merges = tokens.flatMap((token, id) =>
    splitsOf(token).flatMap(([left, right]) => {
      const [leftId, rightId] = [idOf(left), idOf(right)];
      if (leftId === undefined || rightId === undefined) return [];
      return [{ left, right, leftId, rightId, score: scores[id] ?? 0 }];
    }),
  );
  merges.sort(
    (a, b) =>
      b.score - a.score ||
      b.left.length - a.left.length ||
      b.right.length - a.right.length ||
      a.leftId - b.leftId ||
      a.rightId - b.rightId,
  );
  return merges.map(({ left, right }) => [left, right]);
}

/** All splits of a token between two characters. */
function splitsOf(token: string): (readonly [string, string])[] {
  const characters = [...token];
  return characters.slice(1).map((_, index) => {
    const left = characters.slice(0, index + 1).join('');
    return [left, token.slice(left.length)];
  });
}

function addedTokens(fields: Fields): unknown[] {
  return fields.tokens.flatMap((content, id) => {
    const type = fields.token_type?.[id] ?? 0;
    const isAdded =
      type === TokenType.Control || type === TokenType.UserDefined || type === TokenType.Unknown;
    if (!isAdded || content === '') return [];
    const special = type !== TokenType.UserDefined;
    return [{ id, content, special, normalized: false }];
  });
}

function unsupported(message: string): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message });
}
