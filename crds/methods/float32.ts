import { plainEntry } from './method.ts';

export const float32 = plainEntry({
  axis: 'precision',
  type: 'Float32',
  summary: 'Everything is stored and computed in float32.',
});
