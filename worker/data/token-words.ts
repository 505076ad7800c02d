// Text → words: the pre-tokenizer of tokenizer.json. Words are plain characters, and the byte
// alphabet is applied last, so that a cached word needs one look-up. The library's steps are used
// where they are exact; four are reimplemented, because JavaScript's \d and \s are not Unicode's,
// because the library ignores where Metaspace splits, and for BERT's (bert-text.ts).
import * as z from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import { bertWords } from './bert-text.ts';
import { toByteAlphabet } from './token-bytes.ts';
import { createSplit } from './tokenizer-library.ts';

export interface Words {
  /**
   * `first`: whether the text is the beginning of the input. The words concatenated are what the
   * tokens spell.
   */
  readonly split: (text: string, first: boolean) => string[];
  /** The word in the alphabet of the vocabulary. */
  readonly spell: (word: string) => string;
  readonly alphabet: 'bytes' | 'characters';
}

type Step = (text: string, first: boolean) => string[];

/** The pattern of GPT-2, which `ByteLevel` uses with use_regex. */
export const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

export function createWords(preTokenizer: unknown): Words {
  const steps: Step[] = [];
  let alphabet: Words['alphabet'] = 'characters';
  for (const config of flatten(preTokenizer)) {
    if (alphabet === 'bytes') throw unsupported(`a pre-tokenizer ${config.type} after ByteLevel`);
    steps.push(toStep(config));
    if (config.type === 'ByteLevel') alphabet = 'bytes';
  }
  return {
    alphabet,
    spell: alphabet === 'bytes' ? toByteAlphabet : (word) => word,
    split: (text, first) =>
      steps.reduce<string[]>(
        (words, step) => words.flatMap((word, index) => step(word, first && index === 0)),
        [text],
      ),
  };
}

const splitConfig = z.object({
  type: z.literal('Split'),
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]),
  behavior: z.string().default('Isolated'),
  invert: z.boolean().default(false),
});
const stepConfig = z.discriminatedUnion('type', [
  splitConfig,
  z.object({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.boolean().default(false),
    use_regex: z.boolean().default(true),
  }),
  z.object({ type: z.literal('Digits'), individual_digits: z.boolean().default(false) }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: z.string().default('▁'),
    prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
    add_prefix_space: z.boolean().optional(),
    split: z.boolean().default(true),
  }),
  z.object({ type: z.literal('BertPreTokenizer') }),
]);
type StepConfig = z.output<typeof stepConfig>;

const sequence = z.object({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) });

function flatten(config: unknown): StepConfig[] {
  if (config === null || config === undefined) return [];
  const several = sequence.safeParse(config);
  if (several.success) return several.data.pretokenizers.flatMap(flatten);
  const step = stepConfig.safeParse(config);
  if (step.success) return [step.data];
  const type = z.object({ type: z.string() }).safeParse(config);
  throw unsupported(`the pre-tokenizer ${type.success ? type.data.type : JSON.stringify(config)}`);
}

function toStep(config: StepConfig): Step {
  switch (config.type) {
    case 'Split':
      return splitBy(config);
    case 'ByteLevel':
      return byteLevel(config.add_prefix_space, config.use_regex);
    case 'Digits':
      // Unicode's category N, including letter-like numbers and fractions.
      return isolate(config.individual_digits ? '\\p{N}' : '\\p{N}+');
    case 'Metaspace':
      return metaspace(config);
    case 'BertPreTokenizer':
      return bertWords;
    default:
      throw unsupported(config satisfies never);
  }
}

function splitBy({ pattern, behavior, invert }: z.output<typeof splitConfig>): Step {
  const name = behavior.toLowerCase();
  const Regex = 'String' in pattern ? literally(pattern.String) : pattern.Regex;
  if (name === 'isolated') return isolate(Regex);
  // The library uses String.split, which inserts captured groups between the parts.
  if (name === 'removed' && (invert || !/\((?!\?)/.test(Regex))) {
    return librarySplit({ pattern: { Regex }, behavior, invert });
  }
  if ('String' in pattern && !invert && /^mergedwith(previous|next)$/.test(name)) {
    const cut = new RegExp(name === 'mergedwithprevious' ? `(?<=${Regex})` : `(?=${Regex})`, 'u');
    return (text) => text.split(cut);
  }
  throw unsupported(
    `the pre-tokenizer Split with behavior ${behavior}${invert ? ', inverted' : ''}`,
  );
}

/** A pattern that matches exactly this text. */
function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function byteLevel(addPrefixSpace: boolean, useRegex: boolean): Step {
  const split = useRegex ? isolate(gpt2Pattern) : (text: string) => [text];
  if (!addPrefixSpace) return split;
  return (text, first) => split(text.startsWith(' ') ? text : ` ${text}`, first);
}

function metaspace(config: Extract<StepConfig, { type: 'Metaspace' }>): Step {
  const { replacement, split } = config;
  const scheme = config.prepend_scheme ?? (config.add_prefix_space === false ? 'never' : 'always');
  const cut = new RegExp(`(?=${literally(replacement)})`, 'u');
  return (text, first) => {
    const spelled = text.replaceAll(' ', () => replacement);
    const prepends = scheme === 'always' || (scheme === 'first' && first);
    const whole = prepends && !spelled.startsWith(replacement) ? replacement + spelled : spelled;
    return split ? whole.split(cut) : [whole];
  };
}

function isolate(regex: string): Step {
  return librarySplit({ pattern: { Regex: regex }, behavior: 'Isolated', invert: false });
}

/**
 * The library converts Oniguruma patterns to JavaScript, and throws where it cannot, except for \G.
 */
function librarySplit(config: Parameters<typeof createSplit>[0]): Step {
  const { pattern } = config;
  if ('Regex' in pattern && pattern.Regex.includes('\\G')) {
    throw unsupported(`the pattern ${pattern.Regex}: JavaScript has no \\G`);
  }
  try {
    return createSplit(config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unsupported(`a pattern that JavaScript cannot match: ${reason}`, error);
  }
}

function unsupported(what: string, cause?: unknown): UserError {
  return new UserError({
    code: 'E_INVALID_TOKENIZER',
    message: `the tokenizer uses ${what}; it is not supported`,
    cause,
  });
}
