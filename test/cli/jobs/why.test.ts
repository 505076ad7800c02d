import test from 'ava';
import { whyOf } from '../../../cli/jobs/why.ts';
import { phases } from '../../../crds/index.ts';
import { aListedJob, holds } from '../../builders/listed-job.ts';

test('a failure is told by its first cause, with what to change', (t) => {
  const failure = {
    ...{
      code: 'E_DEVICE_OUT_OF_MEMORY',
      reason: 'DeviceOutOfMemory',
      index: 2,
      node: 'n2',
      step: 11,
    },
    message: 'the device has 79.0 GiB and 81.2 GiB were needed',
  };
  const status = { phase: 'Failed' as const, failure, restarts: { counted: 3 } };
  const why = whyOf(aListedJob({ status }));
  t.is(
    why.happened,
    'The device has 79.0 GiB and 81.2 GiB were needed (worker 2, on node n2, after step 11).',
  );
  t.is(why.doing, 'The job ended after 3 restarts.');
  t.regex(why.change, /anneal explain E_DEVICE_OUT_OF_MEMORY says more\.$/);
});

test('a job of this machine is told what the same command does', (t) => {
  const status = {
    phase: 'Suspended' as const,
    checkpoint: { latestStep: 40 },
    conditions: [holds('Suspended', 'SuspendedByUser', 'stopped with Ctrl-C')],
  };
  t.deepEqual(whyOf(aListedJob({ namespace: 'local', name: 'first/3', status })), {
    happened: 'Stopped with Ctrl-C.',
    doing: 'Step 40 is saved.',
    change: 'Run the same command again.',
  });
});

test('a problem of an active job is shown before its phase', (t) => {
  const conditions = [holds('Degraded', 'FewerWorkers', '3 of 4 workers train')];
  const why = whyOf(aListedJob({ status: { phase: 'Running', conditions } }));
  t.is(why.happened, '3 of 4 workers train.');
});

test('a problem of the table of failures comes with its remedy', (t) => {
  const conditions = [holds('Stalled', 'ImagePullFailed', 'the image is not there')];
  const { happened, change } = whyOf(aListedJob({ status: { phase: 'Initializing', conditions } }));
  t.is(happened, 'The image is not there.');
  t.regex(change, /^Check spec\.worker\.image.*\. anneal explain ImagePullFailed says more\.$/);
});

test('a job of a pool says what it waits for there', (t) => {
  const waits = holds('Running', 'WaitsForPool', 'pool smol: 0/3 nodes are available');
  const starting = whyOf(
    aListedJob({ status: { phase: 'Starting', conditions: [{ ...waits, status: 'False' }] } }),
  );
  t.is(starting.happened, 'Pool smol: 0/3 nodes are available.');
  t.is(starting.doing, 'Training begins when the pod of the pool attaches the job.');
  const full = holds('QuotaReserved', 'NoPoolCapacity', 'pool smol: 2 jobs train in the pool');
  const queued = whyOf(
    aListedJob({ status: { phase: 'Queued', conditions: [{ ...full, status: 'False' }] } }),
  );
  t.is(queued.happened, 'Pool smol: 2 jobs train in the pool.');
  t.regex(queued.change, /spec\.jobs or the memory of the TrainingPool/);
});

test('every phase has whole sentences, with much and with nothing known', (t) => {
  for (const phase of phases) {
    const { happened, doing } = whyOf(aListedJob({ status: { phase } }));
    for (const words of [happened, doing]) t.regex(words, /^[A-Z0-9].*[.!]$/, phase);
  }
});
