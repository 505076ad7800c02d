// What a supervisor decides in a situation, as a row of a table.
import test from 'ava';
import { decide } from '../../../worker/supervisor/decide.ts';
import type { Action, Situation } from '../../../worker/supervisor/situation.ts';

export const decides = test.macro({
  exec(t, situation: Situation, expected: Partial<Action> & { type: Action['type'] }) {
    t.like(decide(situation), expected);
  },
  title: (title = '') => title,
});
