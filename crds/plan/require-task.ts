// Whether a model can learn what the job wants of it.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import type { ModelFacts } from './model-facts.ts';
import { framesOf } from './sound-window.ts';

interface Learner extends Pick<ModelFacts, 'kind'> {
  readonly family: string;
  /** Longest sequence; an encoder has no positions behind it. */
  readonly contextLength: number;
  /** Of a model that hears: tokens of the longest sound. */
  readonly sourcePositions?: number;
}

/** Refuses a job whose task or texts are not those of models of this family. */
export function requireTask(
  { model, dataset }: Pick<FineTuneJobSpec, 'model' | 'dataset'>,
  learner: Learner,
): void {
  const { kind, family, contextLength } = learner;
  requireKind(model, learner);
  requireWindow(dataset, learner);
  const { sequenceLength } = dataset;
  // Decoders rotate positions, of which there is no end; pictures have the length of their model.
  const hasEnd = kind === 'encoder' || kind === 'speech';
  if (!hasEnd || sequenceLength === undefined || sequenceLength <= contextLength) return;
  const path = 'spec.dataset.sequenceLength';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${sequenceLength}, but this ${family} has positions for ${contextLength} tokens`,
    path,
    value: sequenceLength,
    hint: `set it to at most ${contextLength}`,
  });
}

/** A model hears no more at once than it has positions for. */
function requireWindow(
  { audioSeconds }: FineTuneJobSpec['dataset'],
  { family, sourcePositions }: Learner,
): void {
  if (audioSeconds === undefined || sourcePositions === undefined) return;
  if (framesOf(audioSeconds) <= 2 * sourcePositions) return;
  const path = 'spec.dataset.audioSeconds';
  const most = sourcePositions / framesOf(0.5);
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${audioSeconds}, but this ${family} hears ${most} seconds at once`,
    path,
    value: audioSeconds,
    hint: most < 1 ? 'leave it out' : `set it to at most ${Math.floor(most)}`,
  });
}

function requireKind(model: FineTuneJobSpec['model'], { kind, family }: Learner): void {
  const path = 'spec.model.task';
  const { task = 'CausalLM' } = model;
  const { task: learns, does, hint } = kinds[kind];
  if (task === learns) return;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${model.task ?? `absent, which is ${task}`}, but the model is a ${family}, which ${does}`,
    path,
    value: task,
    hint,
  });
}

const named = 'and name the classes in spec.dataset.labels';
const kinds = {
  decoder: {
    ...{ task: 'CausalLM', does: 'continues texts' },
    hint: 'leave spec.model.task and spec.dataset.labels out',
  },
  encoder: {
    ...{ task: 'SequenceClassification', does: 'gives texts a class' },
    hint: `set spec.model.task: SequenceClassification, ${named}`,
  },
  vision: {
    ...{ task: 'ImageClassification', does: 'gives pictures a class' },
    hint: `set spec.model.task: ImageClassification, ${named}`,
  },
  diffusion: {
    ...{ task: 'Denoising', does: 'makes pictures' },
    hint: `set spec.model.task: Denoising, ${named}`,
  },
  restoration: {
    ...{ task: 'Restoration', does: 'restores pictures' },
    hint: 'set spec.model.task: Restoration',
  },
  tracking: {
    ...{ task: 'Tracking', does: 'tracks objects' },
    hint: 'set spec.model.task: Tracking',
  },
  speech: {
    ...{ task: 'SpeechToText', does: 'writes down what is said' },
    hint: 'set spec.model.task: SpeechToText',
  },
  imageText: {
    ...{ task: 'ContrastiveImageText', does: 'tells what texts and pictures belong together' },
    hint: `set spec.model.task: ContrastiveImageText, ${named}`,
  },
} as const;
