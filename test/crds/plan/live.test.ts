import test from 'ava';
import { splitLive } from '../../../crds/plan/live.ts';
import { type PlanRecord, specOf } from '../../../crds/wire/plan-record.ts';
import { aSpec, type Changes } from '../../builders/job.ts';

const specs: Readonly<Record<string, Changes>> = {
  smallest: {},
  'with live fields set': {
    suspend: true,
    'checkpoint.intervalSteps': 5,
    'checkpoint.destination': { persistentVolumeClaim: { claimName: 'c' } },
    activeDeadlineSeconds: 60,
    'scheduling.schedulingTimeoutSeconds': 5,
    'scheduling.queueName': 'q',
  },
  elastic: {
    worker: { replicas: 2, minReplicas: 1, maxReplicas: 4, elasticity: 'Live', labels: {} },
  },
  'with unions and lists': {
    method: { preset: 'Full', optimizer: { type: 'SGD' } },
    'worker.tolerations': [{ key: 'a', operator: 'Exists' }],
    'storage.scratch': { ephemeral: { size: '1Gi' } },
  },
};

for (const [name, changes] of Object.entries(specs)) {
  test(`the two parts of a spec make the same spec again: ${name}`, (t) => {
    const spec = aSpec(changes);
    const { fixed, live } = splitLive(spec);
    const plan: PlanRecord = {
      v: 1,
      job: { name: 'a', namespace: 'n', uid: 'u' },
      spec: structuredClone(fixed),
      method: {},
    };
    t.deepEqual(specOf(plan, structuredClone(live)), spec);
  });
}

test('what may change at any time is live, and nothing else', (t) => {
  const { fixed, live } = splitLive(aSpec({ 'checkpoint.intervalSteps': 5 }));
  t.like(live, { suspend: false, checkpoint: { intervalSteps: 5, retain: { latest: 3 } } });
  t.deepEqual(Object.keys(live).sort(), [
    'busOutageTimeoutSeconds',
    'checkpoint',
    'deletionPolicy',
    'observability',
    'podCleanupPolicy',
    'scheduling',
    'suspend',
    'suspendTimeoutSeconds',
  ]);
  t.false('suspend' in fixed);
  t.like(fixed, { worker: { replicas: 1 } });
});

test('the number of workers is live where the job is elastic', (t) => {
  const elastic = { replicas: 2, minReplicas: 1, maxReplicas: 4, elasticity: 'Live' };
  const { fixed, live } = splitLive(aSpec({ worker: elastic }));
  t.like(live, { worker: { replicas: 2 } });
  t.false('replicas' in (fixed['worker'] as object));
});
