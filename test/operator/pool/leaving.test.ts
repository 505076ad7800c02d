import test from 'ava';
import type { PackedJobStatus } from '../../../crds/api/training-pool.ts';
import { type LeavingFacts, leavingOf } from '../../../operator/pool/leaving.ts';
import { aPool, aPoolPod, listedJob, toldJob } from '../../builders/pool.ts';

const running = [aPoolPod('Running')];

/** Of a job that was told to be in a state, and asks no longer. */
function words(state: PackedJobStatus['state'], changes: Partial<LeavingFacts> = {}) {
  const jobs = [{ name: 'one', uid: 'uid-of-one', state }];
  return leavingOf({
    ...{ pool: aPool({}, { jobs }), asking: [], pods: running, left: [], told: undefined },
    ...{ generations: new Map([['uid-of-one', 2]]), ...changes },
  }).map(({ word }) => word);
}

const leaving = ['uid-of-one/2'];

test('a job may be in a pod that does not answer, until the pod has ended', (t) => {
  t.deepEqual(words('Training'), leaving);
  t.deepEqual(words('Training', { pods: [], left: running }), leaving);
  for (const phase of ['Pending', 'Failed']) {
    t.deepEqual(words('Training', { pods: [aPoolPod(phase)] }), []);
  }
  t.deepEqual(words('Trained'), [], 'what has ended is in no pod');
  t.deepEqual(words('Training', { asking: [listedJob('one')] }), [], 'it asks again');
});

test('what a pod says of a job counts; of one that it does not name, which list it follows', (t) => {
  const told = (jobs: readonly ReturnType<typeof toldJob>[], followed?: readonly string[]) => ({
    told: { jobs: [...jobs], ...(followed && { leaving: [...followed] }) },
  });
  t.deepEqual(words('Attaching', told([toldJob('one', 'Training')], leaving)), leaving);
  t.deepEqual(words('Training', told([toldJob('one', 'Trained')], [])), []);
  t.deepEqual(words('Attaching', told([], [])), leaving, 'its list may be old, and have the job');
  t.deepEqual(words('Attaching', told([], ['uid-of-one/1'])), leaving, 'of a pause before');
  t.deepEqual(words('Attaching', told([], leaving)), []);
  t.deepEqual(words('Waiting', told([], [])), [], 'it was on no list');
  t.deepEqual(words('Attaching', told([])), [], 'a pod of a version before');
});

test('one that was deleted has a word too, and a name where it was told', (t) => {
  t.deepEqual(words('Leaving', { generations: new Map() }), ['uid-of-one/0']);
  const [job] = leavingOf({
    ...{ pool: aPool(), asking: [], pods: running, left: [], generations: new Map() },
    told: { jobs: [toldJob('two', 'Leaving')] },
  });
  t.deepEqual(job, { uid: 'uid-of-two', name: 'uid-of-two', word: 'uid-of-two/0' });
});
