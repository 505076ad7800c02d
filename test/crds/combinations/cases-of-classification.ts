// Jobs that give texts or pictures a class and want what is about tokens.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

/** A job that gives texts a class, with these changes; and one that predicts tokens. */
function ofTexts(changes: Changes) {
  const classes = {
    'model.task': 'SequenceClassification',
    'dataset.labels': ['negative', 'positive'],
  };
  return { meet: { ...classes, ...changes }, apart: changes };
}

function ofPictures(changes: Changes) {
  const classes = {
    ...{ 'model.task': 'ImageClassification', 'dataset.sequenceLength': undefined },
    'dataset.labels': ['cat', 'dog'],
  };
  return { meet: { ...classes, ...changes }, apart: changes };
}

function ofMaking(changes: Changes) {
  const making = {
    ...{ 'model.task': 'Denoising', 'dataset.sequenceLength': undefined },
    ...{ 'dataset.labels': ['zero', 'one'], 'output.formats': ['MergedSafetensors'] },
  };
  return { meet: { ...making, ...changes }, apart: changes };
}

function casesOf(
  named: 'texts' | 'pictures' | 'pictures that are made',
  ofClasses: typeof ofTexts,
): Cases {
  return {
    [`classes of ${named}: no conversations`]: ofClasses({ 'dataset.chatTemplate': 'x' }),
    [`classes of ${named}: nothing for a template`]: ofClasses({
      'dataset.chatTemplateArguments': { tools: 'none' },
    }),
    [`classes of ${named}: no answers to prompts`]: ofClasses({
      'training.samples': { prompts: ['a'] },
    }),
    [`classes of ${named}: no instructions to follow`]: ofClasses({ 'evaluation.instructions': 4 }),
    [`classes of ${named}: no teacher`]: ofClasses({ 'training.distillation': { weight: '0.5' } }),
    [`classes of ${named}: files of other programs`]: ofClasses({ 'output.formats': ['GGUF'] }),
    [`classes of ${named}: no integers after training`]: ofClasses({
      'output.quantization': { method: 'RoundToNearest' },
      'output.formats': undefined,
    }),
    [`classes of ${named}: nothing is cut out`]: ofClasses({
      'output.pruning': { headsPercent: 50 },
      method: { preset: 'NoTraining' },
      training: undefined,
    }),
    [`classes of ${named}: stored bases`]: ofClasses({
      method: { preset: 'LoRA', base: { type: 'Integer' } },
    }),
    [`classes of ${named}: no experts`]: ofClasses({ method: { preset: 'MixLoRA' } }),
    [`classes of ${named}: plain products`]: ofClasses({
      method: { preset: 'LoRA', precision: { type: 'HALO' } },
    }),
    [`classes of ${named}: no gates to count`]: ofClasses({
      method: { preset: 'LoRA', rule: { type: 'DensityLoss' } },
    }),
    [`classes of ${named}: no gates to train`]: ofClasses({
      method: { preset: 'S2FT', adapter: { type: 'S2FT', s2ft: { gateRatio: '0.1' } } },
    }),
  };
}

export const casesOfClassification: Cases = {
  ...casesOf('texts', ofTexts),
  ...casesOf('pictures', ofPictures),
  'classes of pictures: equal length': ofPictures({ 'dataset.packing': 'Packed' }),
  'classes of pictures: no length to exceed': ofPictures({ 'dataset.overlength': 'Skip' }),
  ...Object.fromEntries(
    Object.entries(casesOf('pictures that are made', ofMaking)).filter(
      ([name]) => !/files of other|no experts|no gates to train|no integers/.test(name),
    ),
  ),
  'classes of pictures that are made: integers that were tried': ofMaking({
    'output.quantization': { method: 'AdaQuant' },
    'output.formats': ['CompressedTensors'],
    method: { preset: 'Full' },
  }),
  'classes of pictures that are made: equal length': ofMaking({ 'dataset.packing': 'Packed' }),
  'classes of pictures that are made: no length to exceed': ofMaking({
    'dataset.overlength': 'Skip',
  }),
  'classes of pictures that are made: no accuracy': ofMaking({
    'dataset.heldOut': { samples: 4 },
    'training.evaluation': { earlyStopping: { metric: 'Accuracy', patience: 2 } },
  }),
  'classes of pictures that are made: a pipeline': ofMaking({
    'output.formats': ['UniformPEFTAdapter'],
  }),
  'classes of pictures that are made: factors alone': ofMaking({ method: { preset: 'PaCA' } }),
  'classes of pictures that are made: nothing to adapt': {
    ...ofMaking({ 'model.initialization': 'FromScratch', method: { preset: 'LoRA' } }),
    apart: { method: { preset: 'LoRA' } },
  },
};
