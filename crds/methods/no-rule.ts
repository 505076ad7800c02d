import { plainEntry } from './method.ts';

export const noRule = plainEntry({
  axis: 'rule',
  type: 'None',
  summary: 'A step is the gradient of the loss and an update by the optimizer, nothing else.',
});
