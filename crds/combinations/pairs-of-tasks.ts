// What does not go together with tasks other than continuing texts: what is about tokens that
// follow, and for pictures, what is about texts. A new task is a row of the table at the end.

import type { FineTuneJobSpec } from '../api/job.ts';
import { hasFewBits } from '../methods/few-bits.ts';
import type { Pair } from './pair.ts';
import { type Refusal, untriedOn } from './refusal.ts';
import {
  refusalsOfComparing,
  refusalsOfMaking,
  refusalsOfPictures,
  refusalsOfRestoration,
  refusalsOfTracking,
} from './refusals-of-pictures.ts';

/** Forms that exist for a model that is no language model. */
const forms: readonly string[] = ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'];
const bases: readonly string[] = ['Dense', 'NF4', 'Int8', 'Int4'];

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
    sentence: (is) =>
      `multiplies in few bits, which is for language models alone in this version; ${is}`,
    meets: (_, { precision }) => hasFewBits({ precision }),
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
