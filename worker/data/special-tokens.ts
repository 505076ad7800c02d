// What a text, or a pair of texts, is between the special tokens of an encoder: the post-processor
// of tokenizer.json. Ours, since the library's marks the second text of RoBERTa as a segment of its
// own, which that model was not trained with.
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { type TokenizerJson, tokenId } from './tokenizer-definition.ts';

interface MarkedTokens {
  readonly ids: readonly number[];
  /** One for each token: 1 for those of the second segment, else 0. */
  readonly segments: Uint8Array;
}

export interface SpecialTokens {
  /** How many there are around one text, and around a pair. */
  readonly around: { readonly one: number; readonly pair: number };
  /** Puts them around the tokens of a text, or of two. */
  readonly surround: (
    first: readonly number[],
    second: readonly number[] | undefined,
  ) => MarkedTokens;
}

/** A special token with its ids, or the first or second text. */
interface Part {
  readonly is: readonly number[] | 'A' | 'B';
  readonly segment: number;
}

interface Templates {
  readonly one: readonly Part[];
  readonly pair: readonly Part[];
}

const token = z.tuple([z.string(), tokenId]);
const segment = z.int().min(0).max(1);
const part = z.union([
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: segment }) }),
  z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: segment }) }),
]);
const processor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('BertProcessing'), sep: token, cls: token }),
  z.object({ type: z.literal('RobertaProcessing'), sep: token, cls: token }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: z.array(part),
    pair: z.array(part),
    special_tokens: z.record(z.string(), z.object({ ids: z.array(tokenId) })),
  }),
  // Changes offsets, which nobody asks for.
  z.object({ type: z.literal('ByteLevel') }),
]);
const several = z.object({ type: z.literal('Sequence'), processors: z.array(processor) });

/** Throws where the tokenizer has none: an encoder reads the class of a text from them. */
export function specialTokensOf(
  { post_processor: config }: Pick<TokenizerJson, 'post_processor'>,
  vocabularySize: number,
): SpecialTokens {
  if (config === null || config === undefined) throw none();
  const parsed = z.union([several, processor]).safeParse(config);
  if (!parsed.success) {
    throw invalid(
      'the post-processor of the tokenizer is not supported for texts with a class',
      'BertProcessing, RobertaProcessing and TemplateProcessing are, with segments 0 and 1',
    );
  }
  const all = parsed.data.type === 'Sequence' ? parsed.data.processors : [parsed.data];
  const [own, other] = all.filter(({ type }) => type !== 'ByteLevel');
  if (own === undefined) throw none();
  if (other !== undefined) {
    throw invalid('the tokenizer has two post-processors that add special tokens; one may');
  }
  const { one, pair } = templatesOf(own);
  requireTexts(one, ['A']);
  requireTexts(pair, ['A', 'B']);
  const outside = [...one, ...pair]
    .flatMap(({ is }) => (typeof is === 'string' ? [] : is))
    .find((id) => id >= vocabularySize);
  if (outside !== undefined) {
    throw invalid(
      `the post-processor of the tokenizer adds the token ${outside}; the vocabulary has ${vocabularySize}`,
    );
  }
  const around = { one: countSpecial(one), pair: countSpecial(pair) };
  if (around.one === 0 || around.pair === 0) throw none();
  return {
    around,
    surround: (first, second) =>
      fill(second === undefined ? one : pair, { A: first, B: second ?? [] }),
  };
}

function templatesOf(config: z.output<typeof processor>): Templates {
  switch (config.type) {
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const isRoberta = config.type === 'RobertaProcessing';
      const [cls, sep] = [[config.cls[1]], [config.sep[1]]];
      const last = isRoberta ? 0 : 1;
      const one = [part0(cls), part0('A'), part0(sep)];
      const between = isRoberta ? [part0(sep)] : [];
      return {
        one,
        pair: [...one, ...between, { is: 'B', segment: last }, { is: sep, segment: last }],
      };
    }
    case 'TemplateProcessing': {
      const toParts = (template: typeof config.single): Part[] =>
        template.map((each) => {
          if ('Sequence' in each) return { is: each.Sequence.id, segment: each.Sequence.type_id };
          const { id, type_id } = each.SpecialToken;
          const known = Object.hasOwn(config.special_tokens, id) && config.special_tokens[id];
          if (!known)
            throw invalid(`the post-processor of the tokenizer does not say what ${id} is`);
          return { is: known.ids, segment: type_id };
        });
      return { one: toParts(config.single), pair: toParts(config.pair) };
    }
    default:
      throw none();
  }
}

function part0(is: Part['is']): Part {
  return { is, segment: 0 };
}

function requireTexts(parts: readonly Part[], wanted: readonly ('A' | 'B')[]): void {
  const found = parts.flatMap(({ is }) => (typeof is === 'string' ? [is] : []));
  if (found.join() === wanted.join()) return;
  const texts = wanted.length === 1 ? 'one text' : 'a pair of texts';
  throw invalid(
    `the post-processor of the tokenizer does not put ${texts} once and in order among its special tokens`,
  );
}

function countSpecial(parts: readonly Part[]): number {
  return parts.reduce((sum, { is }) => sum + (typeof is === 'string' ? 0 : is.length), 0);
}

function fill(
  parts: readonly Part[],
  texts: Readonly<Record<'A' | 'B', readonly number[]>>,
): MarkedTokens {
  const runs = parts.map(({ is, segment }) => ({
    run: typeof is === 'string' ? texts[is] : is,
    segment,
  }));
  return {
    ids: runs.flatMap(({ run }) => run),
    segments: Uint8Array.from(runs.flatMap(({ run, segment }) => run.map(() => segment))),
  };
}

function none(): UserError {
  return invalid(
    'the tokenizer has no post-processor that adds special tokens, as [CLS] and [SEP] are; an encoder reads the class of a text from them',
    'take the tokenizer.json that was published with the encoder',
  );
}

function invalid(message: string, hint?: string): UserError {
  return new UserError({ code: 'E_INVALID_TOKENIZER', message, hint });
}
