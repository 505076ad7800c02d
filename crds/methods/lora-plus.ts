// LoRA+: Efficient Low Rank Adaptation of Large Models. LoRA with a higher learning rate for B than
// for A.
import { besideDense } from './adapter-entry.ts';
import type { Preset } from './method.ts';

export const loraPlusPreset = {
  preset: 'LoRAPlus',
  summary: 'LoRA whose matrix B has sixteen times the learning rate of A.',
  axes: besideDense({ type: 'LoRA', lora: { learningRateRatio: '16' } }),
  paper: { title: 'LoRA+: Efficient Low Rank Adaptation of Large Models', arxiv: '2402.12354' },
} as const satisfies Preset;
