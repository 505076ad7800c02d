// What may happen around a pool and its jobs, as fast-check draws it.
import fc from 'fast-check';
import type { Outcome } from '../memory-transport.ts';

export const names = ['one', 'two', 'three'] as const;

const name = fc.constantFrom(...names);
const leader = fc.nat(1);
const outcomes = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Outcome>('Fine') },
  fc.constantFrom<Outcome>('FailsBefore', 'AnswerIsLost', 'Busy'),
);
/** How many of the changes since the last look a leader has heard of. */
const sees = fc.oneof({ weight: 4, arbitrary: fc.constant(999) }, fc.constantFrom(0, 1, 2, 5));

const event = fc.oneof(
  // A leader hears of all and looks at everything, after so many seconds.
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('turn' as const),
      ...{ leader, seconds: fc.constantFrom(1, 3, 3, 8) },
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('reconcile' as const),
      of: fc.constantFrom('smol', 'smol', ...names),
      ...{ leader, sees, faults: fc.array(outcomes, { maxLength: 4 }) },
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      seconds: fc.constantFrom(1, 2, 5, 40),
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('create' as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('suspend' as const), name, is: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
  fc.record({ type: fc.constant('diverge' as const), name }),
  // The last of them ends the Job for good.
  fc.record({ type: fc.constant('crash' as const), exit: fc.constantFrom(137, 70, 70, 78) }),
  fc.record({ type: fc.constant('evict' as const) }),
  fc.record({ type: fc.constant('lose' as const) }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant('mute' as const), is: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('editPool' as const),
      jobs: fc.constantFrom(1, 2, 8),
    }),
  },
  fc.record({ type: fc.constant('removePool' as const) }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant('createPool' as const) }) },
  // By hand.
  fc.record({
    type: fc.constant('delete' as const),
    what: fc.constantFrom('Job', 'ConfigMap', 'NetworkPolicy'),
  }),
  fc.record({ type: fc.constant('restart' as const), leader }),
  fc.record({ type: fc.constant('bus' as const), away: fc.boolean() }),
  fc.record({ type: fc.constant('wipe' as const) }),
);
export type PoolEvent = typeof event extends fc.Arbitrary<infer E> ? E : never;

export const poolSchedule = fc.array(event, { minLength: 30, maxLength: 80, size: 'max' });

export const poolGiven = fc.record({
  hasBus: fc.boolean(),
  lag: fc.constantFrom<number>(0, 0, 10, 70),
  fits: fc.constantFrom(1, 2, 8),
  places: fc.constantFrom(1, 2, 8),
  steps: fc.constantFrom<number>(9, 9, 120),
  /** Kind of an object of somebody else that has the name of one of the pool's. */
  squatter: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    fc.constantFrom('Job' as const, 'ConfigMap' as const, 'NetworkPolicy' as const),
  ),
});
export type PoolGiven = typeof poolGiven extends fc.Arbitrary<infer G> ? G : never;
