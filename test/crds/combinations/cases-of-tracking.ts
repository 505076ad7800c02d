// Jobs that track objects and want what is about texts, classes or other adapters.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

/** Such a job with these changes, and one that predicts tokens. */
function tracking(changes: Changes) {
  const films = { 'model.task': 'Tracking', 'dataset.sequenceLength': undefined };
  return { meet: { ...films, ...changes }, apart: changes };
}

const stopping = (metric: string) => ({
  'dataset.heldOut': { samples: 2 },
  'training.evaluation': { earlyStopping: { patience: 2, metric } },
});

export const casesOfTracking: Cases = {
  'tracked objects: no conversations': tracking({ 'dataset.chatTemplate': 'x' }),
  'tracked objects: nothing for a template': tracking({
    'dataset.chatTemplateArguments': { tools: 'none' },
  }),
  'tracked objects: equal length': tracking({ 'dataset.packing': 'Packed' }),
  'tracked objects: no length to exceed': tracking({ 'dataset.overlength': 'Skip' }),
  'tracked objects: no answers to prompts': tracking({ 'training.samples': { prompts: ['a'] } }),
  'tracked objects: no instructions to follow': tracking({ 'evaluation.instructions': 4 }),
  'tracked objects: no teacher': tracking({ 'training.distillation': { weight: '0.5' } }),
  'tracked objects: nothing is right or wrong': tracking(stopping('Accuracy')),
  'tracked objects: files of other programs': tracking({ 'output.formats': ['GGUF'] }),
  'tracked objects: no integers after training': tracking({
    'output.quantization': { method: 'RoundToNearest' },
    'output.formats': undefined,
  }),
  'tracked objects: nothing is cut out': tracking({
    'output.pruning': { headsPercent: 50 },
    method: { preset: 'NoTraining' },
    training: undefined,
  }),
  'tracked objects: stored bases': tracking({
    method: { preset: 'LoRA', base: { type: 'Integer' } },
  }),
  'tracked objects: adapters': tracking({ method: { preset: 'PaCA' } }),
  'tracked objects: plain products': tracking({
    method: { preset: 'LoRA', precision: { type: 'HALO' } },
  }),
  'tracked objects: no other rule': tracking({
    method: { preset: 'LoRA', rule: { type: 'GGPO' } },
  }),
};
