// Jobs that compare pictures with texts and want what is about tokens, or was not tried on them.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

/** Such a job with these changes, and one that predicts tokens. */
function comparing(changes: Changes) {
  const task = {
    ...{ 'model.task': 'ContrastiveImageText', 'dataset.sequenceLength': undefined },
    'dataset.labels': ['cat', 'dog'],
  };
  return { meet: { ...task, ...changes }, apart: changes };
}

const withMethod = (method: Changes) => comparing({ method });

export const casesOfComparing: Cases = {
  'pictures and texts: no conversations': comparing({ 'dataset.chatTemplate': 'x' }),
  'pictures and texts: nothing for a template': comparing({
    'dataset.chatTemplateArguments': { tools: 'none' },
  }),
  'pictures and texts: equal length': comparing({ 'dataset.packing': 'Packed' }),
  'pictures and texts: no length to exceed': comparing({ 'dataset.overlength': 'Skip' }),
  'pictures and texts: no answers to prompts': comparing({
    'training.samples': { prompts: ['a'] },
  }),
  'pictures and texts: no instructions to follow': comparing({ 'evaluation.instructions': 4 }),
  'pictures and texts: no teacher': comparing({ 'training.distillation': { weight: '0.5' } }),
  'pictures and texts: files of other programs': comparing({ 'output.formats': ['GGUF'] }),
  'pictures and texts: no integers after training': comparing({
    'output.quantization': { method: 'RoundToNearest' },
    'output.formats': undefined,
  }),
  'pictures and texts: nothing is cut out': comparing({
    'output.pruning': { headsPercent: 50 },
    method: { preset: 'NoTraining' },
    training: undefined,
  }),
  'pictures and texts: stored bases': withMethod({ preset: 'LoRA', base: { type: 'Integer' } }),
  'pictures and texts: adapters': withMethod({ preset: 'EVA' }),
  'pictures and texts: plain products': withMethod({
    ...{ preset: 'LoRA', precision: { type: 'HALO' } },
  }),
  'pictures and texts: no other rule': withMethod({ preset: 'LoRA', rule: { type: 'GGPO' } }),
};
