import test from 'ava';
import { copyBytes, copyModeOf } from '../../../crds/plan/copies.ts';
import { aSpec } from '../../builders/job.ts';

test('several workers keep copies at a peer unless the job says otherwise; one worker keeps none', (t) => {
  const modeOf = (replicas: number, mode?: 'None' | 'Local') => {
    const { checkpoint, worker } = aSpec();
    const memory = mode === undefined ? {} : { mode };
    return copyModeOf({ checkpoint: { ...checkpoint, memory }, worker: { ...worker, replicas } });
  };
  t.deepEqual([modeOf(1), modeOf(2), modeOf(2, 'None')], ['None', 'LocalAndPeer', 'None']);
  t.is(modeOf(1, 'Local'), 'Local');
});

test('there are two of each kind, of twelve bytes a parameter, and each is of one share', (t) => {
  t.is(copyBytes(1000, 1, 'None'), 0);
  t.is(copyBytes(1000, 1, 'Local'), 24_000);
  t.is(copyBytes(1000, 4, 'LocalAndPeer'), 4 * 12 * 250);
  t.is(copyBytes(1001, 4, 'LocalAndPeer'), 4 * 12 * 251, 'the largest share');
});
