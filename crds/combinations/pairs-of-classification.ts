// What does not go together with classes of whole texts: what is about tokens that follow.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { Pair } from './pair.ts';

const task = 'spec.model.task is SequenceClassification';

/** Forms that exist for a model with a head of classes. */
const forms: readonly string[] = ['PEFTAdapter', 'UniformPEFTAdapter', 'MergedSafetensors'];
const bases: readonly string[] = ['Dense', 'NF4', 'Int8', 'Int4'];

function among(
  id: string,
  path: readonly string[],
  sentence: string,
  meets: (spec: FineTuneJobSpec, method: ResolvedMethod) => boolean,
  hint?: string,
): Pair {
  return {
    ...{ id: `classes of texts: ${id}`, code: 'E_NOT_BUILT', path, sentence },
    meets: (spec, method) => spec.model.task === 'SequenceClassification' && meets(spec, method),
    ...(hint === undefined ? {} : { hint }),
  };
}

export const pairsOfClassification: readonly Pair[] = [
  among(
    'no answers to prompts',
    ['training', 'samples'],
    `asks for answers to prompts, but ${task}: the model gives a text a class and no words`,
    ({ training }) => training.samples !== undefined,
    'leave it out',
  ),
  among(
    'no instructions to follow',
    ['evaluation', 'instructions'],
    `asks for answers, but ${task}: the model gives a text a class and no words`,
    ({ evaluation }) => evaluation.instructions > 0,
    'leave it out',
  ),
  among(
    'no teacher',
    ['training', 'distillation'],
    `compares tokens with those of a teacher, but ${task}; this version has no teacher for classes`,
    ({ training }) => training.distillation !== undefined,
    'leave it out',
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
    'leave it out',
  ),
  among(
    'nothing is cut out',
    ['output', 'pruning'],
    `is for language models alone; ${task}`,
    ({ output }) => output.pruning !== undefined,
    'leave it out',
  ),
  among(
    'stored bases',
    ['method', 'base', 'type'],
    `is for language models alone in this version; ${task}`,
    (_, { base }) => !bases.includes(base.type),
    `write method.base: { type: ${bases.join(' | ')} }`,
  ),
  among(
    'no experts',
    ['method', 'adapter', 'type'],
    `is MixLoRA, whose experts stand for gated MLPs, which the models of this task have not; ${task}`,
    (_, { adapter }) => adapter.type === 'MixLoRA',
    'write adapter: { type: LoRA }',
  ),
  among(
    'plain products',
    ['method', 'precision', 'type'],
    `is HALO, which is for language models alone in this version; ${task}`,
    (_, { precision }) => precision.type === 'HALO',
    'write method.precision: { type: BFloat16 }',
  ),
  among(
    'no gates to count',
    ['method', 'rule', 'type'],
    `is DensityLoss, which counts activations of gated MLPs, which the models of this task have not; ${task}`,
    (_, { rule }) => rule.type === 'DensityLoss',
    'write rule: { type: None }',
  ),
  among(
    'no gates to train',
    ['method', 'adapter', 's2ft', 'gateRatio'],
    `is for gated MLPs, which the models of this task have not; ${task}`,
    (_, { adapter }) => adapter.type === 'S2FT' && Number(adapter.s2ft.gateRatio) > 0,
    'leave it out',
  ),
];
