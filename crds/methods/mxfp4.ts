// Training LLMs with MXFP4: operands of gradients are rotated and rounded stochastically, so that
// gradients are unbiased. Here the forward multiplies in MXFP4, too.
import { fp4Fields } from './fp4-fields.ts';
import { axisEntry } from './method.ts';

export const mxfp4 = axisEntry({
  axis: 'precision',
  type: 'MXFP4',
  member: 'mxfp4',
  summary:
    'Linear layers of the blocks multiply in 4 bits, e2m1 with powers of two as scales of 32 values.',
  paper: { title: 'Training LLMs with MXFP4', arxiv: '2502.20586' },
  parameters: fp4Fields,
});
