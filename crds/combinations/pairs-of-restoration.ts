// What does not go together with restoring pictures: what is about texts, classes and other layers.
import { adapterTypes } from '../methods/adapter-traits.ts';
import { inWords } from '../schema/text.ts';
import type { Pair } from './pair.ts';

const task = 'spec.model.task is Restoration';
const forms: readonly string[] = ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'];
const bases: readonly string[] = ['Dense', 'NF4'];

/** Adapters that are tried beside convolutions. */
const besideConvolutions = adapterTypes(
  (entry) => 'takesConvolutions' in entry && entry.takesConvolutions === true,
);

function among(
  id: string,
  path: readonly string[],
  sentence: string,
  meets: Pair['meets'],
  hint = 'leave it out',
): Pair {
  return {
    ...{ id: `restored pictures: ${id}`, code: 'E_NOT_BUILT', path, sentence, hint },
    meets: (spec, method) => spec.model.task === 'Restoration' && meets(spec, method),
  };
}

export const pairsOfRestoration: readonly Pair[] = [
  among(
    'no conversations',
    ['dataset', 'chatTemplate'],
    `renders conversations, but ${task}`,
    ({ dataset }) => dataset.chatTemplate !== undefined,
  ),
  among(
    'nothing for a template',
    ['dataset', 'chatTemplateArguments'],
    `are for a template of conversations, but ${task}`,
    ({ dataset }) => dataset.chatTemplateArguments !== undefined,
  ),
  among(
    'equal length',
    ['dataset', 'packing'],
    'is Packed, which saves padding, but parts of pictures need none: all have one size',
    ({ dataset }) => dataset.packing === 'Packed',
    'leave it out; training.microBatchSize says how many are computed at once',
  ),
  among(
    'no length to exceed',
    ['dataset', 'overlength'],
    `is about long texts, but ${task}`,
    ({ dataset }) => dataset.overlength !== undefined,
  ),
  among(
    'no answers to prompts',
    ['training', 'samples'],
    `asks for answers to prompts, but ${task}: the model has no words`,
    ({ training }) => training.samples !== undefined,
  ),
  among(
    'no instructions to follow',
    ['evaluation', 'instructions'],
    `asks for answers, but ${task}: the model has no words`,
    ({ evaluation }) => evaluation.instructions > 0,
  ),
  among(
    'no teacher',
    ['training', 'distillation'],
    `compares tokens with those of a teacher, but ${task}`,
    ({ training }) => training.distillation !== undefined,
  ),
  among(
    'nothing is right or wrong',
    ['training', 'evaluation', 'earlyStopping', 'metric'],
    `is Accuracy, which is that of labels, but ${task}`,
    ({ training }) => training.evaluation.earlyStopping?.metric === 'Accuracy',
    'write metric: Loss',
  ),
  among(
    'files of other programs',
    ['output', 'formats'],
    `asks for a form that holds language models alone; ${task}`,
    ({ output }) => output.formats?.some((form) => !forms.includes(form)) === true,
    `ask for ${forms.join(', ')}`,
  ),
  among(
    'no integers after training',
    ['output', 'quantization'],
    `is for language models alone in this version; ${task}`,
    ({ output }) => output.quantization !== undefined,
  ),
  among(
    'nothing is cut out',
    ['output', 'pruning'],
    `is for language models alone; ${task}`,
    ({ output }) => output.pruning !== undefined,
  ),
  among(
    'stored bases',
    ['method', 'base', 'type'],
    `is not tried on convolutions in this version; ${task}`,
    (_, { base }) => !bases.includes(base.type),
    `write method.base: { type: ${bases.join(' | ')} }`,
  ),
  among(
    'adapters of convolutions',
    ['method', 'adapter', 'type'],
    `is not tried beside convolutions in this version; ${task}`,
    (_, { adapter }) => adapter.type !== 'None' && !besideConvolutions.includes(adapter.type),
    `write adapter: { type: ${inWords(besideConvolutions, 'or')} }`,
  ),
  among(
    'plain products',
    ['method', 'precision', 'type'],
    `is HALO, which is for language models alone in this version; ${task}`,
    (_, { precision }) => precision.type === 'HALO',
    'write method.precision: { type: BFloat16 }',
  ),
  among(
    'no other rule',
    ['method', 'rule', 'type'],
    `is not tried on convolutions in this version; ${task}`,
    (_, { rule }) => rule.type !== 'None',
    'write rule: { type: None }',
  ),
];
