// The definition of a tokenizer from any source: a parsed tokenizer.json and a few facts beside it.
// Plain data, so that it can be digested and sent to threads.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { type JsonLimit, jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile, readTextFile } from '../files/bounded-file.ts';
import { normalizer } from './tokenizer-normalizer.ts';

export interface TokenizerDefinition {
  readonly json: TokenizerJson;
  readonly bos?: string;
  readonly eos?: string;
  /** Whether plain text begins with the begin token; if absent the post-processor decides. */
  readonly addBos?: boolean;
  /** The model's own chat template. */
  readonly chatTemplate?: string;
}

const mostTokens = 2 ** 24;
export const tokenId = z
  .int()
  .min(0)
  .max(mostTokens - 1);

/**
 * A large object or list, each of whose entries is checked, without the copy that a schema of
 * records makes: it takes as much memory as what was read.
 */
function entriesInPlace<T extends object>(
  is: (value: unknown) => value is T,
  isEntry: (entry: unknown) => boolean,
  error: string,
) {
  return z.custom<T>(is).superRefine((all, context) => {
    for (const key in all) {
      if (isEntry(all[key])) continue;
      context.addIssue({ code: 'custom', path: [key], message: error });
      return;
    }
  });
}

const vocabulary = entriesInPlace(
  (value): value is Readonly<Record<string, number>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
  (id) => tokenId.safeParse(id).success,
  `a token has an id from 0 to ${mostTokens - 1}`,
);

const merges = entriesInPlace(
  (value): value is readonly (string | readonly [string, string])[] => Array.isArray(value),
  (merge) => typeof merge === 'string' || isPair(merge),
  'a merge is a text or a list of two',
);

function isPair(merge: unknown): boolean {
  return (
    Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string')
  );
}

const addedToken = z.object({
  id: tokenId,
  content: z.string().min(1),
  special: z.boolean().default(false),
  normalized: z.boolean().optional(),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
});
export type AddedToken = z.output<typeof addedToken>;

const bpeModel = z.looseObject({
  type: z.literal('BPE'),
  vocab: vocabulary,
  merges,
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  dropout: z.null('is set; a tokenizer must give the same tokens every time').optional(),
  continuing_subword_prefix: z.literal(['', null]).optional(),
  end_of_word_suffix: z.string().max(16).nullish(),
});
export type BpeModel = z.output<typeof bpeModel>;

const unigramModel = z.object({
  type: z.literal('Unigram'),
  vocab: z.array(z.tuple([z.string(), z.number()])),
  unk_id: tokenId.nullish(),
  byte_fallback: z.boolean().nullish(),
});

const wordPieceModel = z
  .looseObject({
    type: z.literal('WordPiece'),
    vocab: vocabulary,
    unk_token: z.string().default('[UNK]'),
    continuing_subword_prefix: z.string().max(16).default('##'),
    max_input_chars_per_word: z.int().min(1).default(100),
  })
  .refine(({ vocab, unk_token }) => Object.hasOwn(vocab, unk_token), {
    error: 'unk_token is not in the vocabulary',
    path: ['unk_token'],
  });
export type WordPieceModel = z.output<typeof wordPieceModel>;

/** Parts that tokens do not depend on, such as the decoder, are kept for writing the file again. */
const tokenizerJson = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: normalizer.nullish(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  model: z.preprocess(
    withType,
    z.discriminatedUnion('type', [bpeModel, unigramModel, wordPieceModel]),
  ),
});
export type TokenizerJson = z.output<typeof tokenizerJson>;

/** Old files have no model type. */
function withType(model: unknown): unknown {
  if (typeof model !== 'object' || model === null || 'type' in model) return model;
  if ('merges' in model) return { ...model, type: 'BPE' };
  const type = 'continuing_subword_prefix' in model ? 'WordPiece' : 'Unigram';
  return { ...model, type };
}

export function parseTokenizerJson(value: unknown, file: string): TokenizerJson {
  const parsed = tokenizerJson.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw damaged(`${file}${where} is not a supported tokenizer: ${issue?.message ?? 'unknown'}`);
}

const tokenText = z.union([z.string(), z.object({ content: z.string() })]);
const namedTemplate = z.object({ name: z.string(), template: z.string() });
const tokenizerConfig = z.object({
  bos_token: tokenText.nullish(),
  eos_token: tokenText.nullish(),
  add_bos_token: z.boolean().nullish(),
  chat_template: z.union([z.string(), z.array(namedTemplate)]).nullish(),
});

/** Reads the tokenizer of a folder in the layout of the hub. */
export async function readTokenizerFolder(folder: string): Promise<TokenizerDefinition> {
  const json = await readJson(folder, 'tokenizer.json', jsonLimits.tokenizer);
  if (json === undefined)
    throw damaged('the model has no tokenizer.json; it is needed to read text');
  const facts = await readJson(folder, 'tokenizer_config.json', jsonLimits.tokenizerConfig);
  const config = tokenizerConfig.safeParse(facts ?? {});
  if (!config.success) {
    throw damaged(`tokenizer_config.json is not as expected: ${z.prettifyError(config.error)}`);
  }
  const { bos_token, eos_token, add_bos_token, chat_template } = config.data;
  const bos = textOf(bos_token);
  const eos = textOf(eos_token);
  const template = (await readTemplate(folder)) ?? templateOf(chat_template);
  return {
    json: parseTokenizerJson(json, 'tokenizer.json'),
    ...(bos !== undefined && { bos }),
    ...(eos !== undefined && { eos }),
    ...(typeof add_bos_token === 'boolean' && { addBos: add_bos_token }),
    ...(template !== undefined && { chatTemplate: template }),
  };
}

/** Whether these files of a model bring a chat template, from their texts alone. */
export function bringsTemplate(tokenizerConfigText: string | undefined, jinja: boolean): boolean {
  if (jinja) return true;
  const config = tokenizerConfig.safeParse(jsonOr(tokenizerConfigText ?? '{}'));
  // An invalid file is reported where it is read.
  return !config.success || templateOf(config.data.chat_template) !== undefined;
}

function jsonOr(text: string): unknown {
  try {
    return parseJson(text, jsonLimits.tokenizerConfig);
  } catch {
    return undefined; // refused by the schema
  }
}

export function tokenizerDigest(definition: TokenizerDefinition): string {
  return createHash('sha256').update(JSON.stringify(definition)).digest('hex');
}

function textOf(token: z.output<typeof tokenText> | null | undefined): string | undefined {
  return typeof token === 'string' ? token : token?.content;
}

function templateOf(
  template: z.output<typeof tokenizerConfig>['chat_template'],
): string | undefined {
  if (typeof template === 'string') return template;
  const named = template?.find(({ name }) => name === 'default') ?? template?.[0];
  return named?.template;
}

function readJson(folder: string, name: string, limit: JsonLimit): Promise<unknown> {
  return readJsonFile(join(folder, name), limit).catch(refused(name));
}

/** Real templates have some ten thousand characters. */
const maxTemplateBytes = 4 * 2 ** 20;

function readTemplate(folder: string): Promise<string | undefined> {
  const name = 'chat_template.jinja';
  return readTextFile(join(folder, name), maxTemplateBytes).catch(refused(name));
}

function refused(name: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof RefusedBytes ? damaged(`${name} ${error.message}`, error) : error;
  };
}

function damaged(message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message, cause });
}
