// 8-bit Optimizers via Block-wise Quantization. AdamW whose moments are stored in 8 bits, a scale
// for each block.
import { adamParameters } from './adamw.ts';
import { axisEntry } from './method.ts';

export const adamW8bit = axisEntry({
  axis: 'optimizer',
  type: 'AdamW8bit',
  member: 'adamW8bit',
  summary: 'AdamW with its state in 8 bits: about 2 bytes a trained parameter instead of 8.',
  paper: { title: '8-bit Optimizers via Block-wise Quantization', arxiv: '2110.02861' },
  parameters: adamParameters,
});
