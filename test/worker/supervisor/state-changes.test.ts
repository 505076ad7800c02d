import test from 'ava';
import { stateRecord, worldRecord } from '../../../crds/wire/state.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import {
  withCheckpoint,
  withFailure,
  withRound,
  withSuccess,
  withWorld,
  worldOf,
} from '../../../worker/supervisor/state-changes.ts';
import { aMember, aState, aWorld, startMs } from '../../builders/situation.ts';

const at = new Date(startMs).toISOString();
const head = (step: number) => ({ step, round: 1, manifest: 'm', digest: 'd', time: at });

test('a new round has no world yet and keeps the checkpoint', (t) => {
  const before = aState({ world: aWorld, checkpoint: head(3) });
  const after = withRound(before, { by: 'pod', cause: 'Hang', at }, { adjustments: ['x'] });
  t.like(after, {
    round: 2,
    opened: { by: 'pod', cause: 'Hang' },
    checkpoint: { step: 3 },
    adjustments: ['x'],
  });
  t.is(after.world, undefined);
  t.notThrows(() => stateRecord.parse(after));
});

test('progress settles the account of restarts; a checkpoint that is none leaves it', (t) => {
  const restarts = {
    ...aState().restarts,
    counted: 2,
    sinceCommit: 2,
    repeats: 2,
    lastCause: 'Hang',
  };
  const before = aState({ restarts, checkpoint: head(3) });
  t.like(withCheckpoint(before, head(6), 4.5).restarts, {
    counted: 2,
    sinceCommit: 0,
    repeats: 0,
    lastRecoverySeconds: 4.5,
  });
  t.is(withCheckpoint(before, head(6), 4.5).restarts.lastCause, undefined);
  t.like(withCheckpoint(before, head(3), undefined).restarts, {
    sinceCommit: 2,
    lastCause: 'Hang',
  });
});

test('members are ordered by node, then by index, and the first leads', (t) => {
  const member = (index: number, node: string) => ({
    index,
    member: { ...aMember(`pod-${index}`, node), podIP: `10.0.0.${index}` },
  });
  const world = worldOf(
    [member(0, 'b'), member(1, 'a'), member(2, 'b'), member(3, 'a')],
    undefined,
  );
  t.deepEqual(world.order, [1, 3, 0, 2]);
  t.is(world.master, '10.0.0.1');
  t.is(world.port, 29_400);
  t.notThrows(() => worldRecord.parse(world));
  t.is(withWorld(aState(), { key: 'k', digest: 'd', size: 4 }, at).world?.committedAt, at);
});

test('results can be read back as records', (t) => {
  t.notThrows(() => stateRecord.parse(withSuccess(aState(), { reason: 'Finished', step: 3 })));
  const failed = withFailure(
    aState(),
    { ...failureWith('E_DIVERGED', 'x'.repeat(9000)), step: 2 },
    0,
  );
  t.like(stateRecord.parse(failed).result, {
    type: 'Failed',
    code: 'E_DIVERGED',
    exitCode: 74,
    step: 2,
  });
});
