import test from 'ava';
import { clusterLimits, notBuiltOnCluster } from '../../../crds/crd/cluster-limits.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import { celHolds } from '../../doubles/cel.ts';

const can: Changes = { 'worker.devicesPerWorker': 1 };

test('jobs of one worker or several, on processors or devices, with claims are built', (t) => {
  for (const { cel } of clusterLimits) t.true(celHolds(cel, aSpec(can)), cel);
  t.is(notBuiltOnCluster(aSpec(can)), undefined);
  t.is(notBuiltOnCluster(aSpec({ ...can, 'worker.replicas': 4 })), undefined);
  t.is(notBuiltOnCluster(aSpec({ ...can, 'worker.devicesPerWorker': 8 })), undefined);
  const shared = { volumeClaimTemplate: { size: '1Gi', accessMode: 'ReadWriteMany' } };
  t.is(
    notBuiltOnCluster(aSpec({ ...can, 'worker.replicas': 4, 'storage.data': shared })),
    undefined,
  );
});

const refused: readonly (readonly [string, Changes, RegExp])[] = [
  [
    'a claim of one node for two workers',
    { 'worker.replicas': 2, 'storage.data': { volumeClaimTemplate: { size: '1Gi' } } },
    /^spec\.storage\.data\.volumeClaimTemplate\.accessMode can be mounted on one node only; /,
  ],
  [
    'a start with fewer workers',
    {
      'worker.elasticity': 'AtStart',
      'worker.replicas': 2,
      'worker.minReplicas': 1,
      'worker.maxReplicas': 2,
    },
    /^spec\.worker\.elasticity is AtStart; /,
  ],
  [
    'two instances of a divided device',
    { 'worker.devicesPerWorker': 2, 'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb' },
    /^spec\.worker\.devicesPerWorker is more than 1; CUDA shows one instance /,
  ],
  [
    'another cluster',
    { managedBy: 'kueue.x-k8s.io/multikueue' },
    /^spec\.managedBy delegates the job to MultiKueue, /,
  ],
  [
    'another run',
    { 'checkpoint.resumeFrom': { job: 'a' } },
    /^spec\.checkpoint\.resumeFrom is set; /,
  ],
  [
    'checkpoints in a bucket',
    { 'checkpoint.destination': { s3: { uri: 's3://b/x' } } },
    /^spec\.checkpoint\.destination\.s3 is a bucket; /,
  ],
  [
    'a job without a claim that its pods share',
    { 'output.destination': { s3: { uri: 's3://b/x' } } },
    /^spec\.storage\.data is not a claim, and no destination is one; /,
  ],
];

for (const [what, changes, message] of refused) {
  test(`${what} is refused with a sentence that names the field`, (t) => {
    const error = notBuiltOnCluster(aSpec({ ...can, ...changes }));
    t.regex(error?.message ?? '', message);
    t.is(error?.code, 'E_NOT_BUILT');
    t.not(error?.hint, '');
  });

  test(`${what} is refused by the API server too, and nothing else is`, (t) => {
    const broken = clusterLimits.filter(({ cel }) => !celHolds(cel, aSpec({ ...can, ...changes })));
    t.deepEqual(
      broken.map(({ path }) => `spec.${path}`),
      [notBuiltOnCluster(aSpec({ ...can, ...changes }))?.path],
    );
  });
}

test('results go to a bucket and to a hub where the pods share a claim', (t) => {
  const uploads = {
    'output.destination': { s3: { uri: 's3://b/x' } },
    'output.pushToHub': { repository: 'a/b' },
  };
  const claims: readonly Changes[] = [
    { 'storage.data': { volumeClaimTemplate: { size: '1Gi' } } },
    { 'storage.data': { persistentVolumeClaim: { claimName: 'notes' } } },
    { 'checkpoint.destination': { persistentVolumeClaim: { claimName: 'notes' } } },
  ];
  for (const claim of claims) {
    t.is(notBuiltOnCluster(aSpec({ ...can, ...uploads, ...claim })), undefined);
  }
});
