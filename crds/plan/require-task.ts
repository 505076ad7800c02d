// Whether a model can learn what the job wants of it.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import type { ModelFacts } from './model-facts.ts';

interface Learner extends Pick<ModelFacts, 'kind'> {
  readonly family: string;
  /** Longest sequence; an encoder has no positions behind it. */
  readonly contextLength: number;
}

/** Refuses a job whose task or texts are not those of models of this family. */
export function requireTask(
  { model, dataset }: Pick<FineTuneJobSpec, 'model' | 'dataset'>,
  learner: Learner,
): void {
  const { kind, family, contextLength } = learner;
  if (kind === 'speech') throw noSounds(family);
  if (kind !== 'decoder' && kind !== 'encoder') throw noPictures(kind, family);
  requireKind(model, { ...learner, kind });
  const { sequenceLength } = dataset;
  if (kind === 'decoder' || sequenceLength <= contextLength) return;
  const path = 'spec.dataset.sequenceLength';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${sequenceLength}, but this ${family} has positions for ${contextLength} tokens`,
    path,
    value: sequenceLength,
    hint: `set it to at most ${contextLength}`,
  });
}

const does = {
  vision: 'gives pictures a class',
  diffusion: 'makes pictures',
  restoration: 'restores pictures',
} as const;

/** A model is read before its data are: jobs have no pictures yet. */
function noPictures(kind: keyof typeof does, family: string): UserError {
  return new UserError({
    code: 'E_NOT_BUILT',
    message: `the model is a ${family}, which ${does[kind]}; jobs of this version have texts alone`,
    path: 'spec.model.source',
    value: family,
    hint: 'take a model of texts',
  });
}

function noSounds(family: string): UserError {
  return new UserError({
    code: 'E_NOT_BUILT',
    message: `the model is a ${family}, which writes down what is said; jobs of this version have texts alone`,
    path: 'spec.model.source',
    value: family,
    hint: 'take a model of texts',
  });
}

interface LearnerOfTexts extends Learner {
  readonly kind: keyof typeof taskOf;
}

function requireKind(model: FineTuneJobSpec['model'], { kind, family }: LearnerOfTexts): void {
  const path = 'spec.model.task';
  const { task = 'CausalLM' } = model;
  if (task === taskOf[kind]) return;
  const does = kind === 'decoder' ? 'continues texts' : 'gives texts a class';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${model.task ?? `absent, which is ${task}`}, but the model is a ${family}, which ${does}`,
    path,
    value: task,
    hint:
      kind === 'decoder'
        ? 'leave spec.model.task and spec.dataset.labels out'
        : 'set spec.model.task: SequenceClassification, and name the classes in spec.dataset.labels',
  });
}

const taskOf = { decoder: 'CausalLM', encoder: 'SequenceClassification' } as const;
