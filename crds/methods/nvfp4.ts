// Pretraining with NVFP4: the three products of a linear layer have 4-bit operands. Weights have a
// scale for 16 x 16 values, so that forward and backward see the same weight; gradients are rounded
// stochastically, and what the gradient of a weight sums over is rotated first.
import { fp4Fields } from './fp4-fields.ts';
import { axisEntry } from './method.ts';

export const nvfp4 = axisEntry({
  axis: 'precision',
  type: 'NVFP4',
  member: 'nvfp4',
  summary: 'Linear layers of the blocks multiply in 4 bits, e2m1 with e4m3 scales of 16 values.',
  paper: { title: 'Pretraining Large Language Models with NVFP4', arxiv: '2509.25149' },
  parameters: fp4Fields,
});
