// What does not go together with classes of whole texts or pictures, or with making pictures: what
// is about tokens that follow, and for pictures, what is about texts.
import type { Pair } from './pair.ts';

/** Forms that exist for a model with a head of classes. */
const forms: readonly string[] = ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'];
const bases: readonly string[] = ['Dense', 'NF4', 'Int8', 'Int4'];

type Task = keyof typeof named;
const named = {
  SequenceClassification: { of: 'texts', does: 'gives a text a class' },
  ImageClassification: { of: 'pictures', does: 'gives a picture a class' },
  Denoising: { of: 'pictures that are made', does: 'makes pictures' },
} as const;

interface Refusal {
  readonly id: string;
  readonly path: readonly string[];
  /** `is` says what the task is, and `does` what the model does. */
  readonly sentence: (is: string, does: string) => string;
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
    sentence: (is, does) =>
      `asks for answers to prompts, but ${is}: the model ${does} and no words`,
    meets: ({ training }) => training.samples !== undefined,
    hint: 'leave it out',
  },
  {
    id: 'no instructions to follow',
    path: ['evaluation', 'instructions'],
    sentence: (is, does) => `asks for answers, but ${is}: the model ${does} and no words`,
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
    meets: (_, { base }) => !bases.includes(base.type),
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

function pairsOf(task: Task, refused: readonly Refusal[]): readonly Pair[] {
  const { of, does } = named[task];
  return refused.map(({ id, sentence, meets, ...rest }) => ({
    ...{ ...rest, id: `classes of ${of}: ${id}`, code: 'E_NOT_BUILT' },
    sentence: sentence(`spec.model.task is ${task}`, does),
    meets: (spec, method) => spec.model.task === task && meets(spec, method),
  }));
}

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
      `asks for a form that holds no pipeline of diffusers; ${is}, whose result is MergedSafetensors`,
    meets: ({ output: { formats } }, { adapter }) =>
      formats === undefined
        ? adapter.type !== 'None'
        : formats.some((form) => form !== 'MergedSafetensors'),
    hint: 'write formats: [MergedSafetensors]',
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

/** Forms and adapters are few. */
const fewer = ['files of other programs', 'no experts', 'no gates to train'];
const refusalsBesideMaking = refusals.filter(({ id }) => !fewer.includes(id));

export const pairsOfClassification: readonly Pair[] = [
  ...pairsOf('SequenceClassification', refusals),
  ...pairsOf('ImageClassification', [...refusals, ...refusalsOfPictures]),
  ...pairsOf('Denoising', [...refusalsBesideMaking, ...refusalsOfPictures, ...refusalsOfMaking]),
];
