import * as z from 'zod';
import { axisEntry } from './method.ts';

export const float32 = axisEntry({
  axis: 'precision',
  type: 'Float32',
  member: 'float32',
  summary: 'Everything is stored and computed in float32.',
  parameters: z.strictObject({
    products: z
      .enum(['Exact', 'TF32'])
      .default('Exact')
      .describe(
        'Matrix products on CUDA devices. Exact: of float32 values. TF32: operands are rounded to 10 bits of mantissa and sums are float32, which tensor cores compute faster. Refused on a processor, where it would do nothing.',
      ),
  }),
});
