// Marks and colours of the states of a pool and of its jobs: those of the phase of a job that means
// the same. The word carries the meaning.
import type { PackedJobStatus } from '../../crds/api/training-pool.ts';
import type { PoolState } from '../jobs/pool-state.ts';
import { type Style, styleOf } from '../terminal/palette.ts';

const ofPool: Readonly<Record<PoolState, Style>> = {
  Pending: styleOf('Pending'),
  Unreadable: { glyph: '?', dim: true },
  Refused: styleOf('Failed'),
  Idle: styleOf('Suspended'),
  Starting: styleOf('Starting'),
  Replacing: styleOf('Resizing'),
  Failing: styleOf('Failed'),
  Running: styleOf('Running'),
  Deleting: styleOf('Suspending'),
};

const ofJob: Readonly<Record<PackedJobStatus['state'], Style>> = {
  Attaching: styleOf('Starting'),
  Waiting: styleOf('Queued'),
  Training: styleOf('Running'),
  Leaving: styleOf('Suspending'),
  Trained: styleOf('Succeeded'),
  Failed: styleOf('Failed'),
};

export function styleOfPool(state: PoolState): Style {
  return ofPool[state];
}

export function styleOfPacked({ state }: PackedJobStatus): Style {
  return ofJob[state];
}
