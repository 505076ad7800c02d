// Schedules in which something did not hold once, as short as they could be made: found among many
// others, and mended.
import test from 'ava';
import type { Budget } from '../../doubles/simulation/account.ts';
import type { SimulationEvent } from '../../doubles/simulation/events.ts';
import { survives } from '../../doubles/simulation/scene.ts';

const comesTo = test.macro({
  async exec(t, events: readonly SimulationEvent[], end: string, given?: Budget) {
    t.is((await survives(events, given)).end, end);
  },
  title: (title = '') => title,
});

test(
  'a bus that is lost when some workers have seen the result, and the others have not',
  comesTo,
  [
    { type: 'pass', seconds: 17 },
    { type: 'scale', replicas: 4 },
    { type: 'freeze', who: 2 },
    { type: 'evict', who: 0 },
    { type: 'pass', seconds: 16 },
    { type: 'thaw' },
    { type: 'pass', seconds: 6 },
    { type: 'terminate', who: 2 },
    { type: 'terminate', who: 0 },
    { type: 'freeze', who: 1 },
    { type: 'pass', seconds: 8 },
    { type: 'evict', who: 1 },
    { type: 'pass', seconds: 8 },
    { type: 'wipe' },
    { type: 'scale', replicas: 3 },
  ],
  'Succeeded',
);

test(
  'training ends while the bus is lost, in a round of which the operator has not heard',
  comesTo,
  [
    { type: 'operator', away: true },
    { type: 'terminate', who: 1 },
    { type: 'killPod', who: 0, code: 137 },
    { type: 'pass', seconds: 11 },
    { type: 'wipe' },
    { type: 'pass', seconds: 16 },
  ],
  'Succeeded',
  { maxRestarts: 0, windowSeconds: 3600 },
);

test(
  'a checkpoint is damaged while one rank has begun and the others have not',
  comesTo,
  [
    { type: 'pass', seconds: 4 },
    { type: 'evict', who: 0 },
    { type: 'loseOperatorWrites', count: 2, takeEffect: false },
    { type: 'killPod', who: 2, code: 71 },
    { type: 'pass', seconds: 9 },
    { type: 'damage' },
  ],
  'Succeeded',
  { maxRestarts: 2, windowSeconds: 12 },
);

test(
  'a bus is lost after a checkpoint of a lower step than the one that was damaged',
  comesTo,
  [
    { type: 'pass', seconds: 5 },
    { type: 'damage' },
    { type: 'scale', replicas: 4 },
    { type: 'crashLoop', who: 0, times: 3, seconds: 2, code: undefined },
    { type: 'evict', who: 2 },
    { type: 'pass', seconds: 7 },
    { type: 'wipe' },
  ],
  'Succeeded',
  { maxRestarts: 2, windowSeconds: 3600 },
);

test(
  'workers give up while they are stopped for good: their next revision saw the result, the operator did not',
  comesTo,
  [
    { type: 'lose', who: 0 },
    { type: 'pass', seconds: 9 },
    { type: 'suspend', suspend: true },
    { type: 'killTrainer', who: 0 },
    { type: 'pass', seconds: 3 },
    { type: 'killTrainer', who: 0 },
    { type: 'pass', seconds: 2 },
    { type: 'bus', away: true },
    { type: 'pass', seconds: 1 },
  ],
  'NoProgress',
);
