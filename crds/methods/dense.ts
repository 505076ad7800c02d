import { plainEntry } from './method.ts';

export const dense = plainEntry({
  axis: 'base',
  type: 'Dense',
  summary: 'Frozen weights are stored as they are, in the type of the precision.',
});
