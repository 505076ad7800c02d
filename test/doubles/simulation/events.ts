// What may happen to a job of several workers, as fast-check draws it, and the budgets of such
// jobs.
import fc from 'fast-check';
import { failureOf } from '../../../crds/failures/table.ts';

const who = fc.nat(2);
/** By the kernel. */
const killed = 137;
const deviceFault = failureOf('E_DEVICE_FAULT').workerExit;
const usual = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      seconds: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('killTrainer' as const), who }) },
  // Dies again before it gets to a save, or shortly after.
  fc.record({
    type: fc.constant('crashLoop' as const),
    who,
    times: fc.integer({ min: 2, max: 5 }),
    seconds: fc.integer({ min: 2, max: 9 }),
    // Of the whole pod, or of the trainer in it.
    code: fc.constantFrom(undefined, undefined, killed),
  }),
  // The kernel does it, or the supervisor itself ends badly: for the operator to see and to charge.
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('killPod' as const),
      who,
      // Twice the second, and its node is avoided: by pods of the next revision.
      code: fc.constantFrom(killed, deviceFault, deviceFault),
    }),
  },
  fc.record({ type: fc.constant('lose' as const), who }),
  fc.record({ type: fc.constant('evict' as const), who }),
  fc.record({ type: fc.constant('terminate' as const), who }),
  fc.record({ type: fc.constant('freeze' as const), who }),
  { weight: 2, arbitrary: fc.constant({ type: 'thaw' as const }) },
  fc.record({ type: fc.constant('blind' as const), who }),
  { weight: 2, arbitrary: fc.constant({ type: 'see' as const }) },
  fc.record({ type: fc.constant('loseWrites' as const), count: fc.integer({ min: 1, max: 3 }) }),
  // What the operator writes on the bus: of some it hears nothing although they took effect.
  fc.record({
    type: fc.constant('loseOperatorWrites' as const),
    count: fc.integer({ min: 1, max: 3 }),
    takeEffect: fc.boolean(),
  }),
  fc.record({ type: fc.constant('bus' as const), away: fc.boolean() }),
  fc.record({ type: fc.constant('suspend' as const), suspend: fc.boolean() }),
  fc.record({ type: fc.constant('operator' as const), away: fc.boolean() }),
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('scale' as const),
      replicas: fc.integer({ min: 1, max: 4 }),
    }),
  },
  fc.constant({ type: 'wipe' as const }),
  fc.constant({ type: 'takeOver' as const }),
  // One that does not lead any more and does not know: it acts once again, by what it heard long
  // ago.
  fc.record({ type: fc.constant('late' as const), sees: fc.constantFrom(0, 1, 3, 10) }),
);
export const simulationEvent = fc.oneof(
  { weight: 80, arbitrary: usual },
  { weight: 1, arbitrary: fc.constant({ type: 'damage' as const }) },
);
export const budget = fc.record({
  maxRestarts: fc.constantFrom(0, 2, 10, 10),
  // A job trains for half a minute: the short ones let go of restarts that are as far apart, the
  // long one never does.
  windowSeconds: fc.oneof(fc.constantFrom(0, 3600), fc.integer({ min: 3, max: 12 })),
});

export type SimulationEvent = typeof simulationEvent extends fc.Arbitrary<infer E> ? E : never;

/** Schedules of them. */
export const simulationEvents = fc.array(simulationEvent, {
  minLength: 8,
  maxLength: 40,
  size: 'max',
});
