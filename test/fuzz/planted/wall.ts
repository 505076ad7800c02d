// A reader that refuses whatever it is given, at once: nothing that is done to its seeds can reach
// anything new.
import { UserError } from '../../../crds/failures/errors.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  seeds: ['one', 'two', 'three', 'four', 'five'],
  words: ['word'],
  run: () => {
    throw new UserError({ code: 'E_INVALID_DATA', message: 'the input is refused' });
  },
};
