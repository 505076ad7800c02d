// 8-bit Optimizers via Block-wise Quantization. AdamW with moments stored in 8 bits, with a scale
// for each block of values.
import { adamParameters } from './adamw.ts';
import { axisEntry } from './method.ts';

export const adamW8bit = axisEntry({
  axis: 'optimizer',
  type: 'AdamW8bit',
  member: 'adamW8bit',
  summary: 'AdamW with moments in 8 bits: about 2 bytes per trained parameter instead of 8.',
  paper: { title: '8-bit Optimizers via Block-wise Quantization', arxiv: '2110.02861' },
  parameters: adamParameters,
});
