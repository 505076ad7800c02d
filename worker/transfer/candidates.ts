// Candidates for prompts of a task: a base continues a list of examples, which stand in another
// order for each candidate. A candidate is a line; line ends inside of a prompt are escaped.

import type { Generation } from '../../crds/api/transfer.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { choose, drawsOf, streamOf } from '../tensor/streams.ts';
import { decodeTexts } from './decode-texts.ts';
import type { OpenBase } from './open-base.ts';

interface Drawing {
  readonly seeds: readonly string[];
  readonly generation: Generation;
  /** Names the streams, with the number of each candidate. */
  readonly seed: number;
  readonly purpose: 'kit' | 'transfer';
  readonly signal: AbortSignal;
}

/** Texts of the candidates from `first` on; null where one does not end. */
export async function candidateTexts(
  { model, prompts, context, name }: OpenBase,
  first: number,
  count: number,
  { seeds, generation, seed, purpose, signal }: Drawing,
): Promise<readonly (string | null)[]> {
  const { tokenizer, stop, plain } = prompts;
  const questions = Array.from({ length: count }, (_, i) => {
    const order = streamOf(seed, purpose, 'examples', first + i);
    const draws = drawsOf(streamOf(seed, purpose, 'tokens', first + i));
    const shown = choose(seeds.length, seeds.length, order).map((at) => seeds[at] ?? '');
    const prompt = plain(listOf(shown));
    const maxTokens = Math.min(generation.maxTokens, context - prompt.length);
    if (maxTokens < leastRoom) throw tooLong(name, prompt.length, context);
    return {
      ...{ prompt, maxTokens, stop, draw: () => draws.uniform() },
      ...{ temperature: Number(generation.temperature), topP: Number(generation.topP) },
    };
  });
  const made = await decodeTexts(model, questions, { lineEndIn: tokenizer.bytesOf, signal });
  return made.map((ids) => (ids === null ? null : fromLine(tokenizer.decode(ids))));
}

/** The seeds as lines, and the beginning of one more. */
export function listOf(seeds: readonly string[]): string {
  const lines = seeds.map((seed) => `${label} ${escaped(seed)}\n`);
  return `${lines.join('')}${label}`;
}

const label = 'Example:';
/** Tokens that a prompt may have at least. */
const leastRoom = 8;

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

/** What the first line of a continuation says. */
export function fromLine(text: string): string {
  const [line = ''] = text.split('\n', 1);
  const plain = line.replace(/\\([\\n])/g, (_, which) => (which === 'n' ? '\n' : '\\'));
  return plain.toWellFormed().trim();
}

function tooLong(name: string, tokens: number, context: number): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    message: `the seeds have ${tokens} tokens of ${name}, whose context is ${context}; a prompt needs ${leastRoom} more`,
    hint: 'an adapter is moved by examples of its task, which have to be shorter',
  });
}
