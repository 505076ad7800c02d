import test from 'ava';
import { workerExits } from '../../../crds/failures/table.ts';
import { failureOfPod, meaningOf } from '../../../operator/job/end-meaning.ts';
import { aPodOf, ended } from '../../builders/job-facts.ts';

const meaning = (exitCode: number, changes: object = {}) => {
  const pod = aPodOf(ended(exitCode, changes));
  if (pod.end === undefined) throw new Error('the pod has not ended');
  return meaningOf(pod, pod.end);
};

test('every exit code of a worker has a meaning and keeps its class', (t) => {
  for (const { code, retry } of workerExits.filter((exit) => exit.code !== 0)) {
    t.is(meaning(code).retry, retry, String(code));
    t.true(meaning(code).reason.length > 0);
  }
});

test('an exit code of nobody is an internal error', (t) => {
  t.is(meaning(3).code, 'E_INTERNAL');
  t.regex(meaning(3).message, /^pod first-w1-0 ended with exit code 3 \(Error\)$/);
});

test('Kubernetes’ own words count more than the exit code, the termination message more than both', (t) => {
  t.is(meaning(137, { reason: 'OOMKilled' }).code, 'E_HOST_OUT_OF_MEMORY');
  t.is(
    meaning(137, { reason: 'Evicted', message: 'ephemeral local storage' }).code,
    'E_EPHEMERAL_STORAGE',
  );
  const terminationMessage = {
    v: 1,
    failure: { code: 'E_HANG', reason: 'Hang', message: 'rank 2 waits' },
  };
  t.like(meaning(137, { reason: 'OOMKilled', terminationMessage }), {
    code: 'E_HANG',
    message: 'rank 2 waits',
  });
});

test('a code that only a newer worker knows keeps its reason and its exit code’s class', (t) => {
  const terminationMessage = {
    v: 1,
    failure: { code: 'E_FUTURE', reason: 'Future', message: 'm' },
  };
  t.like(meaning(76, { terminationMessage }), { code: 'E_HANG', reason: 'Future' });
});

test('the failure of a job says where it began', (t) => {
  const pod = aPodOf({ index: 2, node: 'n7', ...ended(74) });
  t.like(failureOfPod(pod, pod.end!), { code: 'E_DIVERGED', index: 2, node: 'n7', exitCode: 74 });
});
