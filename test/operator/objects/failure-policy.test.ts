import test from 'ava';
import { backoffLimit, podFailurePolicy } from '../../../operator/objects/failure-policy.ts';
import { aSpec } from '../../builders/job.ts';

const { failurePolicy } = aSpec();

test('a disrupted pod is ignored before its exit code is looked at', (t) => {
  t.deepEqual(podFailurePolicy({ rules: [] }).rules[0], {
    action: 'Ignore',
    onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }],
  });
});

test('the rules of a job come before ours, in their order, and rules about reasons are not for Kubernetes', (t) => {
  const { rules } = podFailurePolicy({
    rules: [
      { onExitCodes: [74], action: 'Restart' },
      { onReasons: ['Hang'], action: 'Fail' },
      { onExitCodes: [1, 1], action: 'Ignore' },
    ],
  });
  t.deepEqual(rules.slice(1, 3), [
    { action: 'Count', onExitCodes: { operator: 'In', values: [74] } },
    { action: 'Ignore', onExitCodes: { operator: 'In', values: [1] } },
  ]);
});

test('there are never more rules than Kubernetes takes', (t) => {
  const rules = Array.from({ length: 16 }, (_, index) => ({
    onExitCodes: [index + 1],
    action: 'Restart' as const,
  }));
  t.true(podFailurePolicy({ rules }).rules.length <= 20);
});

test('the limit of the Job is never reached before the budget of the operator', (t) => {
  t.is(backoffLimit({ ...failurePolicy, maxRestarts: 10 }, 4), 52);
  t.is(backoffLimit({ ...failurePolicy, maxRestarts: 10_000 }, 5_000), 50_005_008);
  t.true(backoffLimit({ ...failurePolicy, maxRestarts: 10_000 }, 2 ** 31) < 2 ** 31);
});
