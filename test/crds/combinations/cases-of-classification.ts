// Jobs that give texts a class and want what is about tokens.
import type { Cases } from './cases-of-values.ts';

/** A job that gives texts a class, with these changes; and one that predicts tokens. */
function ofClasses(changes: Readonly<Record<string, unknown>>) {
  const classes = {
    'model.task': 'SequenceClassification',
    'dataset.labels': ['negative', 'positive'],
  };
  return { meet: { ...classes, ...changes }, apart: changes };
}

export const casesOfClassification: Cases = {
  'classes of texts: no answers to prompts': ofClasses({ 'training.samples': { prompts: ['a'] } }),
  'classes of texts: no instructions to follow': ofClasses({ 'evaluation.instructions': 4 }),
  'classes of texts: no teacher': ofClasses({ 'training.distillation': { weight: '0.5' } }),
  'classes of texts: files of other programs': ofClasses({ 'output.formats': ['GGUF'] }),
  'classes of texts: no integers after training': ofClasses({
    'output.quantization': { method: 'RoundToNearest' },
    'output.formats': undefined,
  }),
  'classes of texts: nothing is cut out': ofClasses({
    'output.pruning': { headsPercent: 50 },
    method: { preset: 'NoTraining' },
    training: undefined,
  }),
  'classes of texts: stored bases': ofClasses({
    method: { preset: 'LoRA', base: { type: 'Integer' } },
  }),
  'classes of texts: no experts': ofClasses({ method: { preset: 'MixLoRA' } }),
  'classes of texts: plain products': ofClasses({
    method: { preset: 'LoRA', precision: { type: 'HALO' } },
  }),
  'classes of texts: no gates to count': ofClasses({
    method: { preset: 'LoRA', rule: { type: 'DensityLoss' } },
  }),
  'classes of texts: no gates to train': ofClasses({
    method: { preset: 'S2FT', adapter: { type: 'S2FT', s2ft: { gateRatio: '0.1' } } },
  }),
};
