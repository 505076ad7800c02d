// Jobs that write down what is said and want what is about texts, or was not tried on them.
import type { Cases } from './cases-of-values.ts';

type Changes = Readonly<Record<string, unknown>>;

/** Such a job with these changes, and one that predicts tokens. */
function hearing(changes: Changes) {
  return { meet: { 'model.task': 'SpeechToText', ...changes }, apart: changes };
}

const withMethod = (method: Changes) => hearing({ method });

export const casesOfSpeech: Cases = {
  'speech: no conversations': hearing({ 'dataset.chatTemplate': 'x' }),
  'speech: nothing for a template': hearing({ 'dataset.chatTemplateArguments': { tools: 'none' } }),
  'speech: sounds have one length': hearing({ 'dataset.packing': 'Packed' }),
  'speech: a text is all that is said': hearing({ 'dataset.overlength': 'Split' }),
  'speech: no answers to prompts': hearing({ 'training.samples': { prompts: ['a'] } }),
  'speech: no instructions to follow': hearing({ 'evaluation.instructions': 4 }),
  'speech: no teacher': hearing({ 'training.distillation': { weight: '0.5' } }),
  'speech: files of other programs': hearing({ 'output.formats': ['GGUF'] }),
  'speech: no integers after training': hearing({
    'output.quantization': { method: 'RoundToNearest' },
    'output.formats': undefined,
  }),
  'speech: nothing is cut out': hearing({
    'output.pruning': { headsPercent: 50 },
    method: { preset: 'NoTraining' },
    training: undefined,
  }),
  'speech: stored bases': withMethod({ preset: 'LoRA', base: { type: 'Integer' } }),
  'speech: adapters': withMethod({ preset: 'PaCA' }),
  'speech: plain products': withMethod({ preset: 'LoRA', precision: { type: 'HALO' } }),
  'speech: no other rule': withMethod({ preset: 'LoRA', rule: { type: 'GGPO' } }),
};
