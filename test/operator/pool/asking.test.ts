import test from 'ava';
import { digestOfText } from '../../../crds/plan/digest.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { askingOf } from '../../../operator/pool/asking.ts';
import { aJob, type Changes } from '../../builders/job.ts';
import { conditionsOf } from '../../builders/job-facts.ts';
import { packedSpec } from '../../builders/pool.ts';

interface Differs {
  readonly spec?: Changes;
  readonly metadata?: object;
  readonly reasons?: Parameters<typeof conditionsOf>[0];
  readonly observedGeneration?: number;
}

const ready = { Validated: 'Resolved', Initialized: 'Ready' } as const;

function observed(name: string, { spec, metadata, reasons, observedGeneration = 1 }: Differs = {}) {
  const written = aJob({ ...packedSpec, ...spec });
  return fineTuneJobs.read({
    spec: written.spec,
    metadata: {
      ...{ name, namespace: 'team', uid: `uid-of-${name}`, resourceVersion: '1', generation: 1 },
      ...{ creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    },
    status: { observedGeneration, conditions: conditionsOf({ ...ready, ...reasons }) },
  });
}

const names = (...jobs: Parameters<typeof askingOf>[0]) => askingOf(jobs).map(({ name }) => name);

test('the oldest ask first, each with its plan and what may change', (t) => {
  const late = { creationTimestamp: '2026-01-02T00:00:00Z' };
  const jobs = [observed('a', { metadata: late }), observed('c'), observed('b')];
  t.deepEqual(names(...jobs), ['b', 'c', 'a']);
  const [first] = askingOf(jobs);
  t.is(first?.planDigest, digestOfText(first?.plan ?? ''));
  t.is(first?.uid, 'uid-of-b');
});

for (const [what, differs] of [
  ['suspended', { spec: { suspend: true } }],
  ['of no pool', { spec: { packing: undefined } }],
  ['being deleted', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }],
  ['changed, and not yet judged anew', { observedGeneration: 0 }],
  ['of another controller', { spec: { managedBy: 'kueue.x-k8s.io/multikueue' } }],
  ['trained', { reasons: { Running: 'Finished' } }],
  ['trained, early', { reasons: { Running: 'FinishedEarly' } }],
  ['complete', { reasons: { Complete: 'Finished' } }],
] as const satisfies readonly (readonly [string, Differs])[]) {
  test(`a job that is ${what} does not ask`, (t) => {
    t.deepEqual(names(observed('first', differs)), []);
  });
}
