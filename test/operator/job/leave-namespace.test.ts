import test from 'ava';
import { keptPodsSince } from '../../../operator/job/leave-namespace.ts';
import { decided } from '../../builders/decided.ts';
import {
  aChildJob,
  anInitJob,
  aPodOf,
  ended,
  seconds,
  training,
} from '../../builders/job-facts.ts';

const kept = { ...aPodOf(), ...ended(75, { finishedAt: seconds(0) }), isDeleting: true };

test('whether the namespace is being deleted is asked when a deleted pod has ended and is kept', (t) => {
  t.is(keptPodsSince({ pods: [aPodOf(), { ...aPodOf(), isDeleting: true }] }), undefined);
  t.is(keptPodsSince({ pods: [{ ...aPodOf(), ...ended(75) }] }), undefined, 'not deleted');
  t.is(keptPodsSince({ pods: [aPodOf(), kept] }), seconds(5));
});

test('a job looks again as long as such a pod is kept, and is otherwise at work', (t) => {
  const before = decided(training({ pods: [kept], now: seconds(1) }));
  t.is(before.wakeAt, seconds(5));
  t.false(before.words.includes('Delete Job first-w1'));
  const after = decided(training({ pods: [kept], now: seconds(6), namespaceIsDeleted: false }));
  t.is(after.wakeAt, seconds(16));
  t.false(after.words.includes('Delete Job first-w1'));
});

test('in a namespace that is being deleted the Jobs are deleted, once, and nothing else is done', (t) => {
  const facts = training({ pods: [kept], inits: [anInitJob()], namespaceIsDeleted: true });
  const left = decided(facts);
  t.deepEqual(left.words, ['Delete Job first-w1', 'Delete Job first-init-1']);
  const isDeleting = true;
  const gone = {
    ...facts,
    workers: [aChildJob({ isDeleting })],
    inits: [anInitJob({ isDeleting })],
  };
  t.deepEqual(decided(gone).words, []);
});
