import { plainEntry } from './method.ts';

export const dense = plainEntry({
  axis: 'base',
  type: 'Dense',
  summary: 'Frozen weights are not quantized; they have the type of the precision.',
});
