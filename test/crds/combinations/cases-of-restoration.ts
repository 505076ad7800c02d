// Jobs that restore pictures and want what is about texts, classes or other layers.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

/** Such a job with these changes, and one that predicts tokens. */
function restoring(changes: Changes) {
  const pictures = { 'model.task': 'Restoration', 'dataset.sequenceLength': undefined };
  return { meet: { ...pictures, ...changes }, apart: changes };
}

const stopping = (metric: string) => ({
  'dataset.heldOut': { samples: 2 },
  'training.evaluation': { earlyStopping: { patience: 2, metric } },
});

export const casesOfRestoration: Cases = {
  'restored pictures: no conversations': restoring({ 'dataset.chatTemplate': 'x' }),
  'restored pictures: nothing for a template': restoring({
    'dataset.chatTemplateArguments': { tools: 'none' },
  }),
  'restored pictures: equal length': restoring({ 'dataset.packing': 'Packed' }),
  'restored pictures: no length to exceed': restoring({ 'dataset.overlength': 'Skip' }),
  'restored pictures: no answers to prompts': restoring({ 'training.samples': { prompts: ['a'] } }),
  'restored pictures: no instructions to follow': restoring({ 'evaluation.instructions': 4 }),
  'restored pictures: no teacher': restoring({ 'training.distillation': { weight: '0.5' } }),
  'restored pictures: nothing is right or wrong': restoring(stopping('Accuracy')),
  'restored pictures: files of other programs': restoring({ 'output.formats': ['GGUF'] }),
  'restored pictures: no integers after training': restoring({
    'output.quantization': { method: 'RoundToNearest' },
    'output.formats': undefined,
  }),
  'restored pictures: nothing is cut out': restoring({
    'output.pruning': { headsPercent: 50 },
    method: { preset: 'NoTraining' },
    training: undefined,
  }),
  'restored pictures: stored bases': restoring({
    method: { preset: 'LoRA', base: { type: 'Integer' } },
  }),
  'restored pictures: adapters of convolutions': restoring({ method: { preset: 'PaCA' } }),
  'restored pictures: plain products': restoring({
    method: { preset: 'LoRA', precision: { type: 'HALO' } },
  }),
  'restored pictures: no other rule': restoring({
    method: { preset: 'LoRA', rule: { type: 'GGPO' } },
  }),
};
