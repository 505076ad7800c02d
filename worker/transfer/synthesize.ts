// One batch of candidates: the new base makes prompts, the discriminator keeps those that could be
// of the task, the old base with its adapter answers them greedily. All that is drawn follows from
// the numbers of the candidates, so a batch can be made again with the same bits.
import type { TransferSpec } from '../../crds/api/transfer.ts';
import type { Candidate, Refusal, TransferKit } from '../../crds/wire/transfer.ts';
import type { ServedAdapter } from '../serve/served-adapter.ts';
import { candidateTexts } from './candidates.ts';
import { decodeTexts } from './decode-texts.ts';
import { probabilityOf } from './discriminator.ts';
import { featuresOf } from './hidden-features.ts';
import type { OpenBase } from './open-base.ts';

export interface Synthesis {
  readonly spec: TransferSpec;
  readonly kit: TransferKit;
  /** The new base. */
  readonly target: OpenBase;
  /** The old base, and the adapter that is moved. */
  readonly teacher: OpenBase;
  readonly adapter: ServedAdapter;
  readonly signal: AbortSignal;
}

interface Batch {
  readonly first: number;
  readonly count: number;
  /** Prompts that are not wanted again: seeds, and what was kept before. */
  readonly known: ReadonlySet<string>;
}

interface Rated {
  readonly prompt: string;
  readonly probability: number;
}

export async function makeBatch(
  synthesis: Synthesis,
  { first, count, known }: Batch,
): Promise<readonly Candidate[]> {
  const { spec, kit, target, signal } = synthesis;
  const { generation } = spec;
  const { seed } = spec.job.training;
  const drawing = { seeds: kit.seeds, generation, seed, purpose: 'transfer', signal } as const;
  const texts = await candidateTexts(target, first, count, drawing);
  const seen = new Set(known);
  const rated = texts.map((text): Rated | Refusal => {
    const own = rate(synthesis, text, seen);
    if (typeof own === 'object') seen.add(own.prompt);
    return own;
  });
  const kept = rated.filter((one) => typeof one === 'object');
  const answers = await teacherAnswers(
    synthesis,
    kept.map(({ prompt }) => prompt),
  );
  return rated.map((one): Candidate => {
    if (typeof one === 'string') return { refused: one };
    const answer = answers.get(one.prompt);
    if (answer === undefined || answer === null) return { refused: 'EndlessAnswer' };
    return answer === '' ? { refused: 'EmptyAnswer' } : { ...one, answer };
  });
}

function rate(
  { spec, kit, teacher }: Synthesis,
  text: string | null,
  seen: ReadonlySet<string>,
): Rated | Refusal {
  if (text === null) return 'Endless';
  if (text === '') return 'Empty';
  if (seen.has(text)) return 'Repeated';
  const room = teacher.context - spec.answerTokens;
  if (teacher.prompts.asked(text).length > room) return 'TooLong';
  const features = featuresOf(teacher, text);
  if (features === null) return 'TooLong';
  const probability = probabilityOf(kit.discriminator, features);
  return probability < Number(spec.minProbability) ? 'Unlike' : { prompt: text, probability };
}

/** Greedy answers by prompt; null where one does not end. */
export async function teacherAnswers(
  { spec, teacher, adapter, signal }: Omit<Synthesis, 'kit' | 'target'>,
  asked: readonly string[],
): Promise<ReadonlyMap<string, string | null>> {
  const { model, prompts } = teacher;
  return answersTo(asked, {
    model,
    prompts,
    maxTokens: spec.answerTokens,
    change: adapter,
    signal,
  });
}

interface Answering extends Pick<OpenBase, 'model' | 'prompts'> {
  readonly maxTokens: number;
  readonly change?: ServedAdapter;
  readonly signal: AbortSignal;
}

/** Greedy answers of a model, all together; null where one does not end. */
export async function answersTo(
  asked: readonly string[],
  { model, prompts, maxTokens, change, signal }: Answering,
): Promise<ReadonlyMap<string, string | null>> {
  if (asked.length === 0) return new Map();
  const { tokenizer, stop } = prompts;
  const questions = asked.map((prompt) => ({
    ...{ prompt: prompts.asked(prompt), maxTokens, stop, temperature: 0, draw: () => 0 },
    ...(change && { change }),
  }));
  const made = await decodeTexts(model, questions, { signal });
  return new Map(
    asked.map((prompt, i) => {
      const ids = made[i] ?? null;
      return [prompt, ids === null ? null : tokenizer.decode(ids).toWellFormed().trim()];
    }),
  );
}
