// LoRA+: Efficient Low Rank Adaptation of Large Models. LoRA with a higher learning rate for B than
// for A.
import type { Preset } from './method.ts';

export const loraPlusPreset = {
  preset: 'LoRAPlus',
  summary: 'LoRA whose matrix B has sixteen times the learning rate of A.',
  axes: {
    base: { type: 'Dense' },
    adapter: { type: 'LoRA', lora: { learningRateRatio: '16' } },
    selection: { type: 'All' },
    optimizer: { type: 'AdamW' },
  },
  paper: { title: 'LoRA+: Efficient Low Rank Adaptation of Large Models', arxiv: '2402.12354' },
} as const satisfies Preset;
