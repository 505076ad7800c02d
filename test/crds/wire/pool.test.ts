import test from 'ava';
import { mostPacked } from '../../../crds/names/most-packed.ts';
import { listedJobs, podPool, poolAnswer } from '../../../crds/wire/pool.ts';
import { listedJob, toldJob } from '../../builders/pool.ts';

const pod = {
  ...{ name: 'smol', namespace: 'team', root: '/volumes/runs', volumes: {}, list: '/jobs.json' },
  ...{ jobs: 8, devices: 0, port: 8000, graceSeconds: 120 },
};

test('a pod is told of as many jobs as one process trains, and of one device at most', (t) => {
  t.true(podPool.safeParse(pod).success);
  t.false(podPool.safeParse({ ...pod, jobs: mostPacked + 1 }).success);
  t.false(podPool.safeParse({ ...pod, devices: 2 }).success);
  t.false(podPool.safeParse({ ...pod, threads: 0 }).success);
});

test('a list has no more jobs than that, each with its plan', (t) => {
  const jobs = Array.from({ length: mostPacked }, (_, number) => listedJob(`job-${number}`));
  t.deepEqual(listedJobs.parse({ jobs }).jobs, jobs);
  t.false(listedJobs.safeParse({ jobs: [...jobs, listedJob('more')] }).success);
  const { plan: _, ...unplanned } = listedJob('first');
  t.false(listedJobs.safeParse({ jobs: [unplanned] }).success);
  t.deepEqual(listedJobs.parse({ jobs: [] }).leaving, [], 'an operator of a version before');
});

test('an answer of another version, or with a state that is none, is not taken', (t) => {
  const jobs = [toldJob('first', 'Waiting', { message: 'it needs 2.0 GiB' })];
  t.deepEqual(poolAnswer.parse({ v: 1, jobs }).jobs, jobs);
  t.is(poolAnswer.parse({ v: 1, jobs }).leaving, undefined, 'a pod of a version before');
  t.false(poolAnswer.safeParse({ v: 2, jobs }).success);
  t.false(poolAnswer.safeParse({ v: 1, jobs: [{ uid: 'a', state: 'Done' }] }).success);
});
