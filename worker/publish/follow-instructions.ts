// Instructions to the trained model and to a file of it: both answer greedily, and the form of the
// answers is checked.
import { setImmediate } from 'node:timers/promises';
import type { Evidence } from '../../crds/evaluation/gate.ts';
import { answerTokens, instructionsTogether } from '../../crds/evaluation/instructions.ts';
import { type Prompts, promptsOf } from '../data/prompts.ts';
import { generateTogether } from '../decoding/generate.ts';
import type { Model } from '../engine/model.ts';
import type { RoleContext } from '../role.ts';
import { streamOf } from '../tensor/streams.ts';
import { hasForm } from './answer-form.ts';
import type { ArtifactFacts } from './artifact.ts';
import { meanOfGroups } from './divergence-statistics.ts';
import { type Instruction, instructions } from './instruction-list.ts';

/** Instructions that the trained model answered, or why there are none. */
export type Asked =
  | {
      readonly some: readonly Instruction[];
      readonly prompts: Prompts;
      readonly followed: readonly boolean[];
    }
  | { readonly leftOut: string };

type Context = Pick<RoleContext, 'emit' | 'stop'>;

/** With fewer, one answer more or less would be more than a tenth of them. */
const fewestFollowed = 8;

export async function askTrained(
  { run, files, model }: Pick<ArtifactFacts, 'run' | 'files' | 'model'>,
  context: Context,
): Promise<Asked> {
  const { instructions: asked } = run.spec.evaluation;
  if (asked === 0) return { leftOut: 'instructions: spec.evaluation.instructions is 0' };
  const prompts = await promptsOf(run.spec, files.headers);
  if (!prompts.hasTemplate) return { leftOut: 'instructions: the model has no chat template' };
  const some = instructions.slice(0, asked);
  const followed = await follow(model, { some, prompts }, tellOf(context, 'the model', asked));
  const right = count(followed);
  if (right >= fewestFollowed) return { some, prompts, followed };
  const leftOut = `instructions: the trained model follows ${right} of ${asked}, too few to compare`;
  return { leftOut };
}

interface Asking extends Context {
  readonly format: string;
  readonly seed: number;
}

/** With an interval over instructions, the same ones for both models. */
export async function askArtifact(
  artifact: Model,
  asked: Asked,
  { format, seed, ...context }: Asking,
): Promise<Evidence['instructions']> {
  if ('leftOut' in asked) return undefined;
  const own = await follow(artifact, asked, tellOf(context, format, asked.some.length));
  const right = { trained: count(asked.followed), artifact: count(own) };
  const gaps = own.map((is, i) => Number(is) - Number(asked.followed[i]));
  // The share of all that it gains or loses; each resample has as many instructions.
  const counts = gaps.map(() => right.trained / gaps.length);
  const gap = meanOfGroups(gaps, counts, streamOf(seed, 'evaluation', 'instructions'));
  const share = { value: 1 + gap.value, low: 1 + gap.low, high: 1 + gap.high };
  return { ...share, followed: { asked: own.length, ...right } };
}

function count(all: readonly boolean[]): number {
  return all.filter(Boolean).length;
}

function tellOf({ emit, stop }: Context, who: string, total: number) {
  return (done: number): void => {
    stop.throwIfAborted();
    const subject = `instructions to ${who}`;
    emit({ type: 'stage', stage: 'Export', state: 'Running', subject, done, total });
  };
}

/** For each instruction. `told` hears how many are answered. */
async function follow(
  model: Model,
  { some, prompts }: Pick<Exclude<Asked, { leftOut: string }>, 'some' | 'prompts'>,
  told: (done: number) => void,
): Promise<readonly boolean[]> {
  const { encode, decode, stop } = prompts;
  const found: boolean[] = [];
  while (found.length < some.length) {
    const now = some.slice(found.length, found.length + instructionsTogether);
    const questions = now.map(({ prompt }) => ({
      prompt: encode(prompt, 'an instruction of the evaluation'),
      ...{ maxTokens: answerTokens, temperature: 0, draw: () => 0, stop },
    }));
    const answers = generateTogether(model, questions);
    found.push(...now.map(({ form }, i) => hasForm(form, decode(answers[i] ?? []))));
    told(found.length);
    // A request to stop is received here.
    await setImmediate();
  }
  return found;
}
