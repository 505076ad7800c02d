// What does not go together with tasks other than continuing texts: what is about tokens that
// follow, and for pictures, what is about texts. A new task is a row of the table at the end.
import type { FineTuneJobSpec } from '../api/job.ts';
import { isReconstructed } from '../api/quantization.ts';
import { adapterTypes } from '../methods/adapter-traits.ts';
import { inWords } from '../schema/text.ts';
import type { Pair } from './pair.ts';
import { refusalsOfTracking } from './refusals-of-tracking.ts';

/** Forms that exist for a model that is no language model. */
const forms: readonly string[] = ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'];
const bases: readonly string[] = ['Dense', 'NF4', 'Int8', 'Int4'];

export interface Refusal {
  readonly id: string;
  readonly path: readonly string[];
  /** `is` says what the task is, and `gives` what the model does, which is no words. */
  readonly sentence: (is: string, gives: string) => string;
  readonly meets: Pair['meets'];
  readonly hint?: string;
}

const refusals: readonly Refusal[] = [
  {
    id: 'no conversations',
    path: ['dataset', 'chatTemplate'],
    sentence: (is) => `renders conversations, but ${is}`,
    meets: ({ dataset }) => dataset.chatTemplate !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'nothing for a template',
    path: ['dataset', 'chatTemplateArguments'],
    sentence: (is) => `are for a template of conversations, but ${is}`,
    meets: ({ dataset }) => dataset.chatTemplateArguments !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'no answers to prompts',
    path: ['training', 'samples'],
    sentence: (is, gives) => `asks for answers to prompts, but ${is}: the model ${gives}`,
    meets: ({ training }) => training.samples !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'no instructions to follow',
    path: ['evaluation', 'instructions'],
    sentence: (is, gives) => `asks for answers, but ${is}: the model ${gives}`,
    meets: ({ evaluation }) => evaluation.instructions > 0,
    hint: 'leave it out',
  },
  {
    id: 'no teacher',
    path: ['training', 'distillation'],
    sentence: (is) =>
      `compares tokens with those of a teacher, but ${is}; this version has no teacher for classes`,
    meets: ({ training }) => training.distillation !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'files of other programs',
    path: ['output', 'formats'],
    sentence: (is) => `asks for a form that holds language models alone; ${is}`,
    meets: ({ output }) => output.formats?.some((form) => !forms.includes(form)) === true,
    hint: `ask for ${forms.join(', ')}`,
  },
  {
    id: 'no integers after training',
    path: ['output', 'quantization'],
    sentence: (is) => `is for language models alone in this version; ${is}`,
    meets: ({ output }) => output.quantization !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'nothing is cut out',
    path: ['output', 'pruning'],
    sentence: (is) => `is for language models alone; ${is}`,
    meets: ({ output }) => output.pruning !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'stored bases',
    path: ['method', 'base', 'type'],
    sentence: (is) => `is for language models alone in this version; ${is}`,
    meets: ({ training }, { base }) =>
      training.trajectory === undefined && !bases.includes(base.type),
    hint: `write method.base: { type: ${bases.join(' | ')} }`,
  },
  {
    id: 'no experts',
    path: ['method', 'adapter', 'type'],
    sentence: (is) =>
      `is MixLoRA, whose experts stand for gated MLPs, which the models of this task have not; ${is}`,
    meets: (_, { adapter }) => adapter.type === 'MixLoRA',
    hint: 'write adapter: { type: LoRA }',
  },
  {
    id: 'plain products',
    path: ['method', 'precision', 'type'],
    sentence: (is) => `is HALO, which is for language models alone in this version; ${is}`,
    meets: (_, { precision }) => precision.type === 'HALO',
    hint: 'write method.precision: { type: BFloat16 }',
  },
  {
    id: 'no gates to count',
    path: ['method', 'rule', 'type'],
    sentence: (is) =>
      `is DensityLoss, which counts activations of gated MLPs, which the models of this task have not; ${is}`,
    meets: (_, { rule }) => rule.type === 'DensityLoss',
    hint: 'write rule: { type: None }',
  },
  {
    id: 'no gates to train',
    path: ['method', 'adapter', 's2ft', 'gateRatio'],
    sentence: (is) => `is for gated MLPs, which the models of this task have not; ${is}`,
    meets: (_, { adapter }) => adapter.type === 'S2FT' && Number(adapter.s2ft.gateRatio) > 0,
    hint: 'leave it out',
  },
];

/** Of pictures alone. */
const refusalsOfPictures: readonly Refusal[] = [
  {
    id: 'equal length',
    path: ['dataset', 'packing'],
    sentence: () =>
      'is Packed, which saves padding, but pictures need none: all have as many tokens as the model makes of one',
    meets: ({ dataset }) => dataset.packing === 'Packed',
    hint: 'leave it out; training.microBatchSize says how many pictures are computed at once',
  },
  {
    id: 'no length to exceed',
    path: ['dataset', 'overlength'],
    sentence: (is) => `is about long texts, but ${is}`,
    meets: ({ dataset }) => dataset.overlength !== undefined,
    hint: 'leave it out',
  },
];

/** Of pictures that are made. */
const refusalsOfMaking: readonly Refusal[] = [
  {
    id: 'no accuracy',
    path: ['training', 'evaluation', 'earlyStopping', 'metric'],
    sentence: (is) => `is Accuracy, but ${is}: noise is not right or wrong`,
    meets: ({ training }) => training.evaluation?.earlyStopping?.metric === 'Accuracy',
    hint: 'set it to Loss',
  },
  {
    id: 'a pipeline',
    path: ['output', 'formats'],
    sentence: (is) =>
      `asks for a form that holds no pipeline of diffusers and no adapter for one; ${is}`,
    meets: ({ output: { formats = [], quantization } }) =>
      formats.some(
        (form) =>
          !['MergedSafetensors', 'PEFTAdapter'].includes(form) &&
          (form !== 'CompressedTensors' || quantization === undefined),
      ),
    hint: 'write formats: [MergedSafetensors] or [PEFTAdapter], or [CompressedTensors] with output.quantization',
  },
  {
    id: 'integers that were tried',
    path: ['output', 'quantization'],
    sentence: (is) =>
      `has a method other than RoundToNearest and GPTQ, weights other than Integer, averageBits or splitChannels, which were not tried on models that make pictures; ${is}`,
    meets: ({ output: { quantization: own } }) =>
      own !== undefined &&
      (isReconstructed(own) ||
        own.weights !== 'Integer' ||
        own.averageBits !== undefined ||
        own.splitChannels > 0),
    hint: 'leave them out; bits, groupSize, range, activations, smoothing and lowRank are tried',
  },
  {
    id: 'factors alone',
    path: ['method', 'adapter', 'type'],
    sentence: (is) => `is of an adapter that was not tried on models that make pictures; ${is}`,
    meets: (_, { adapter }) => adapter.type !== 'None' && adapter.type !== 'LoRA',
    hint: 'write adapter: { type: LoRA }, or { type: None } to train all weights',
  },
  {
    id: 'nothing to adapt',
    path: ['method', 'adapter', 'type'],
    sentence: () =>
      'is set, but spec.model.initialization is FromScratch: a base that was never trained has nothing to adapt',
    meets: ({ model }, { adapter }) =>
      model.initialization === 'FromScratch' && adapter.type !== 'None',
    hint: 'write adapter: { type: None }, which trains all weights',
  },
];

/** Adapters that are tried beside convolutions. */
const besideConvolutions = adapterTypes(
  (entry) => 'takesConvolutions' in entry && entry.takesConvolutions === true,
);
const basesOfConvolutions: readonly string[] = ['Dense', 'NF4'];

/** Of pictures that are restored. */
const refusalsOfRestoration: readonly Refusal[] = [
  {
    id: 'equal length',
    path: ['dataset', 'packing'],
    sentence: () =>
      'is Packed, which saves padding, but parts of pictures need none: all have one size',
    meets: ({ dataset }) => dataset.packing === 'Packed',
    hint: 'leave it out; training.microBatchSize says how many are computed at once',
  },
  {
    id: 'no teacher',
    path: ['training', 'distillation'],
    sentence: (is) => `compares tokens with those of a teacher, but ${is}`,
    meets: ({ training }) => training.distillation !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'nothing is right or wrong',
    path: ['training', 'evaluation', 'earlyStopping', 'metric'],
    sentence: (is) => `is Accuracy, which is that of labels, but ${is}`,
    meets: ({ training }) => training.evaluation.earlyStopping?.metric === 'Accuracy',
    hint: 'write metric: Loss',
  },
  {
    id: 'stored bases',
    path: ['method', 'base', 'type'],
    sentence: (is) => `is not tried on convolutions in this version; ${is}`,
    meets: (_, { base }) => !basesOfConvolutions.includes(base.type),
    hint: `write method.base: { type: ${basesOfConvolutions.join(' | ')} }`,
  },
  {
    id: 'adapters of convolutions',
    path: ['method', 'adapter', 'type'],
    sentence: (is) => `is not tried beside convolutions in this version; ${is}`,
    meets: (_, { adapter }) =>
      adapter.type !== 'None' && !besideConvolutions.includes(adapter.type),
    hint: `write adapter: { type: ${inWords(besideConvolutions, 'or')} }`,
  },
  {
    id: 'no other rule',
    path: ['method', 'rule', 'type'],
    sentence: (is) => `is not tried on convolutions in this version; ${is}`,
    meets: (_, { rule }) => rule.type !== 'None',
    hint: 'write rule: { type: None }',
  },
];

interface Tried {
  /** "on models that hear" */
  readonly where: string;
  readonly bases: readonly string[];
  readonly adapters: readonly string[];
}

/** Of tasks that few methods are tried on. */
function untriedOn({ where, bases, adapters }: Tried): readonly Refusal[] {
  const sentence = (is: string): string => `is not tried ${where} in this version; ${is}`;
  return [
    {
      ...{ id: 'stored bases', path: ['method', 'base', 'type'], sentence },
      meets: (_, { base }) => !bases.includes(base.type),
      hint: `write method.base: { type: ${bases.join(' | ')} }`,
    },
    {
      ...{ id: 'adapters', path: ['method', 'adapter', 'type'], sentence },
      meets: (_, { adapter }) => adapter.type !== 'None' && !adapters.includes(adapter.type),
      hint: `write adapter: { type: ${inWords(adapters, 'or')} }`,
    },
    {
      ...{ id: 'all that trains moves', path: ['method', 'selection', 'type'], sentence },
      meets: (_, { selection }) => selection.type !== 'All' && selection.type !== 'None',
      hint: 'write selection: { type: All }',
    },
    {
      ...{ id: 'one optimizer', path: ['method', 'optimizer', 'type'], sentence },
      meets: (_, { optimizer }) => optimizer.type !== 'AdamW',
      hint: 'write optimizer: { type: AdamW }',
    },
    {
      ...{ id: 'no other rule', path: ['method', 'rule', 'type'], sentence },
      meets: (_, { rule }) => rule.type !== 'None',
      hint: 'write rule: { type: None }',
    },
  ];
}

/** Of what is said. */
const refusalsOfSpeech: readonly Refusal[] = [
  {
    id: 'sounds have one length',
    path: ['dataset', 'packing'],
    sentence: () =>
      'is Packed, which counts tokens of texts, but a sound takes far more than its text',
    meets: ({ dataset }) => dataset.packing === 'Packed',
    hint: 'leave it out; training.microBatchSize says how many are computed at once',
  },
  {
    id: 'a text is all that is said',
    path: ['dataset', 'overlength'],
    sentence: (is) => `cuts texts, but ${is}: the sound would say more than its text`,
    meets: ({ dataset: { overlength } }) => overlength === 'Split' || overlength === 'Truncate',
    hint: 'write Skip or Fail',
  },
  {
    id: 'no teacher',
    path: ['training', 'distillation'],
    sentence: (is) => `compares tokens with those of a teacher, which hears nothing; ${is}`,
    meets: ({ training }) => training.distillation !== undefined,
    hint: 'leave it out',
  },
  ...untriedOn({
    where: 'on models that hear',
    ...{ bases: ['Dense', 'NF4'], adapters: ['LoRA', 'S2LoRA'] },
  }),
];

/** Of pictures that are compared with texts. */
const refusalsOfComparing: readonly Refusal[] = [
  {
    id: 'no teacher',
    path: ['training', 'distillation'],
    sentence: (is) => `compares tokens with those of a teacher, but ${is}`,
    meets: ({ training }) => training.distillation !== undefined,
    hint: 'leave it out',
  },
  ...untriedOn({
    where: 'on models of two towers',
    ...{ bases: ['Dense', 'NF4'], adapters: ['LoRA', 'BlockLoRA'] },
  }),
];

const ofPictures = [...refusals, ...refusalsOfPictures];
const without = (ids: readonly string[]) => ofPictures.filter(({ id }) => !ids.includes(id));
/** What restoring, hearing and comparing refuse in other words, or with more. */
const ofOtherLayers = ['no experts', 'no gates to count', 'no gates to train'];
const inOtherWords = ['no teacher', 'stored bases', 'equal length'];

interface Task {
  /** What its pairs are called after. */
  readonly of: string;
  readonly gives: string;
  readonly refused: readonly Refusal[];
}

type TaskName = NonNullable<FineTuneJobSpec['model']['task']>;
const tasks: Readonly<Record<Exclude<TaskName, 'CausalLM'>, Task>> = {
  SequenceClassification: {
    ...{ of: 'classes of texts', gives: 'gives a text a class and no words', refused: refusals },
  },
  ImageClassification: {
    ...{ of: 'classes of pictures', gives: 'gives a picture a class and no words' },
    refused: ofPictures,
  },
  Denoising: {
    ...{ of: 'classes of pictures that are made', gives: 'makes pictures and no words' },
    // Forms and adapters are few.
    refused: [
      ...without([
        ...['files of other programs', 'no experts', 'no gates to train'],
        'no integers after training',
      ]),
      ...refusalsOfMaking,
    ],
  },
  Restoration: {
    ...{ of: 'restored pictures', gives: 'has no words' },
    refused: [...without([...ofOtherLayers, ...inOtherWords]), ...refusalsOfRestoration],
  },
  Tracking: {
    ...{ of: 'tracked objects', gives: 'has no words' },
    refused: [...without([...ofOtherLayers, 'no teacher']), ...refusalsOfTracking],
  },
  SpeechToText: {
    ...{ of: 'speech', gives: 'answers sounds alone' },
    refused: [
      ...refusals.filter(({ id }) => ![...ofOtherLayers, ...inOtherWords].includes(id)),
      ...refusalsOfSpeech,
    ],
  },
  ContrastiveImageText: {
    ...{ of: 'pictures and texts', gives: 'compares pictures with texts and has no words' },
    refused: [...without([...ofOtherLayers, 'no teacher', 'stored bases']), ...refusalsOfComparing],
  },
};

export const pairsOfTasks: readonly Pair[] = Object.entries(tasks).flatMap(
  ([task, { of, gives, refused }]) =>
    refused.map(
      ({ id, sentence, meets, ...rest }): Pair => ({
        ...{ ...rest, id: `${of}: ${id}`, code: 'E_NOT_BUILT' },
        sentence: sentence(`spec.model.task is ${task}`, gives),
        meets: (spec, method) => spec.model.task === task && meets(spec, method),
      }),
    ),
);
