import { plainEntry } from './method.ts';

export const noAdapter = plainEntry({
  seam: 'adapter',
  type: 'None',
  summary: 'The weights themselves are trained.',
});
