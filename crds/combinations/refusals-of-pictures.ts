// What tasks of pictures refuse beside what all tasks do.
import { isReconstructed } from '../api/quantization.ts';
import { adapterTypes } from '../methods/adapter-traits.ts';
import { inWords } from '../schema/text.ts';
import { noLabels, noTeacher, type Refusal, untriedOn } from './refusal.ts';

/** Of pictures alone. */
export const refusalsOfPictures: readonly Refusal[] = [
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
export const refusalsOfMaking: readonly Refusal[] = [
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
export const refusalsOfRestoration: readonly Refusal[] = [
  {
    id: 'equal length',
    path: ['dataset', 'packing'],
    sentence: () =>
      'is Packed, which saves padding, but parts of pictures need none: all have one size',
    meets: ({ dataset }) => dataset.packing === 'Packed',
    hint: 'leave it out; training.microBatchSize says how many are computed at once',
  },
  noTeacher,
  noLabels,
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

/** Of objects that are tracked. */
export const refusalsOfTracking: readonly Refusal[] = [
  noTeacher,
  noLabels,
  ...untriedOn({
    ...{ where: 'on models that track objects', adapters: ['LoRA'] },
    adapterHint: 'write adapter: { type: LoRA }, or { type: None } to train all weights',
  }),
];

/** Of pictures that are compared with texts. */
export const refusalsOfComparing: readonly Refusal[] = [
  noTeacher,
  ...untriedOn({
    where: 'on models of two towers',
    ...{ bases: ['Dense', 'NF4'], adapters: ['LoRA', 'BlockLoRA'] },
  }),
];
