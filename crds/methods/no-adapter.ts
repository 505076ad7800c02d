import { plainEntry } from './method.ts';

export const noAdapter = plainEntry({
  axis: 'adapter',
  type: 'None',
  summary: 'The weights themselves are trained.',
});
