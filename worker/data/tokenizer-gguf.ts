// The tokenizer inside a GGUF file, as the tokenizer.json that it was converted from: GGUF keeps tokens, their types and
// merges (byte-level) or scores (sentencepiece), and only the name of the splitting rules.
import * as z from 'zod';
import { UserError } from '../../crds/errors.ts';
import { gpt2Pattern } from './token-words.ts';
import { parseTokenizerJson, type TokenizerDefinition } from './tokenizer-definition.ts';

/** The key-value pairs of a GGUF file. */
export interface GgufMetadata {
  readonly get: (key: string) => unknown;
}

/** Types of tokens in GGUF. */
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
  const json = isBytes ? byteLevelJson(fields, vocab) : sentencePieceJson(fields, vocab);
  const template = metadata.get('tokenizer.chat_template');
  const bos = fields.tokens[fields.bos_token_id ?? -1];
  const eos = fields.tokens[fields.eos_token_id ?? -1];
  return {
    json: parseTokenizerJson(json, 'the tokenizer of the GGUF file'),
    addBos: fields.add_bos_token ?? (isBytes ? rulesOf(fields.pre).addsBos === true : true),
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

/** By the names of tokenizer.ggml.pre. */
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

function byteLevelJson(fields: Fields, vocab: Readonly<Record<string, number>>): unknown {
  const rules = rulesOf(fields.pre);
  if (fields.merges === undefined) throw unsupported('tokenizer.ggml.merges is missing');
  return {
    added_tokens: addedTokens(fields),
    normalizer: rules.normalizer === undefined ? null : { type: rules.normalizer },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        ...rules.patterns.map((Regex) => ({
          type: 'Split',
          pattern: { Regex },
          behavior: 'Isolated',
        })),
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
    model: {
      type: 'BPE',
      vocab,
      merges: fields.merges,
      ignore_merges: rules.ignoreMerges === true,
    },
  };
}

function sentencePieceJson(fields: Fields, vocab: Readonly<Record<string, number>>): unknown {
  if (fields.scores?.length !== fields.tokens.length) {
    throw unsupported('tokenizer.ggml.scores does not have one score a token');
  }
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const prefix = fields.add_space_prefix === false ? [] : [{ type: 'Prepend', prepend: '▁' }];
  return {
    added_tokens: addedTokens(fields),
    normalizer: { type: 'Sequence', normalizers: [...prefix, spaces] },
    model: {
      type: 'BPE',
      vocab,
      merges: mergesByScore(fields.tokens, fields.scores, vocab),
      byte_fallback: true,
      unk_token: fields.tokens[fields.token_type?.indexOf(TokenType.Unknown) ?? -1] ?? null,
    },
  };
}

/** Sentencepiece joins the pair whose token scores best; as a list of merges this is every split of every token. */
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

/** All ways to cut a token between two characters. */
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
    return [{ id, content, special: type !== TokenType.UserDefined, normalized: false }];
  });
}

function unsupported(message: string): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message });
}
