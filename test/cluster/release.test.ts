// The life of a release around a job that trains: the command line reaches the workers through the
// API server, an upgrade replaces every pod of the release and none of the job, a rollback too, and
// uninstalling takes nothing that is a person's.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import type { JobStatus } from './a-job.ts';
import {
  annealOn,
  podsOfRelease,
  statusOf,
  untilComplete,
  untilItTrains,
  workerPod,
} from './a-real-job.ts';
import { aNamespace, installCrd, kubectl } from './access.ts';
import { installAnneal, loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { aSharedFolder } from './shared-folder.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

test('a job trains on while the release around it is upgraded and rolled back, and stays when that is gone', async (t) => {
  t.timeout(900_000);
  const jobs = await aNamespace(t);
  const storage = { ephemeral: false, size: '1Gi' };
  const release = await installAnneal(t, jobs, { nats: { storage } });
  const folder = await aSharedFolder(jobs, 'toy');
  const { file } = await writeToyJob(folder, {
    ...{ name: 'toy', claim: 'toy', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
    // More than any machine does while this is evaluated at: it ends when it is told to.
    training: { maxSteps: 1_000_000, schedule: { type: 'Constant' } },
    checkpoint: { intervalSteps: 500 },
    worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  });
  await chmod(join(folder, 'out'), 0o777);
  await kubectl(['-n', jobs, 'apply', '-f', file]);
  await untilItTrains(jobs, 'toy');
  const worker = await workerPod(jobs, 'toy');

  const saved = await annealOn(jobs, release.namespace, ['checkpoint', 'toy']);
  t.regex(saved.stdout, /^toy is saved at step \d+; training continues$/);
  await eventually('the checkpoint is in status', async () => {
    const { save, checkpoint } = await statusOf(jobs, 'toy');
    return (checkpoint?.latestStep ?? 0) >= (save?.step ?? Number.POSITIVE_INFINITY);
  });
  const logs = await annealOn(jobs, release.namespace, ['logs', 'toy']);
  t.regex(logs.stdout, /the checkpoint of step \d+ counts/);
  const metrics = await annealOn(jobs, release.namespace, ['metrics', 'toy', 'loss', '-o', 'csv']);
  t.regex(metrics.stdout, /\n\d+,.*\d\.\d+/);
  t.notRegex(`${logs.stderr}${metrics.stderr}`, /reading the pods|no pod of the bus/);

  /** Every pod of the release is replaced, and none of the job. */
  const trainsThrough = async (what: string, change: () => Promise<void>) => {
    const before = await podsOfRelease(release.namespace);
    await change();
    const after = await podsOfRelease(release.namespace);
    for (const component of ['operator', 'nats', 'bus-auth']) {
      t.truthy(after.get(component), `${what}: ${component}`);
      t.not(after.get(component), before.get(component), `${what}: ${component} is another pod`);
    }
    const { phase, progress, rendezvous, restarts, workerRevision } = await statusOf(jobs, 'toy');
    t.is(phase, 'Running', `${what}: the job was still training`);
    t.deepEqual([workerRevision, rendezvous?.round], [1, 1], `${what}: no other world`);
    t.is(restarts?.counted ?? 0, 0, what);
    t.deepEqual(await workerPod(jobs, 'toy'), worker, what);
    t.is(worker?.restarts, 0, what);
    const trainsOn = async () => stepOf(await statusOf(jobs, 'toy')) > (progress?.step ?? 0);
    await eventually(`${what}: the operator tells of later steps`, trainsOn);
  };
  await trainsThrough('upgrade', () =>
    release.upgrade(
      {
        operator: { logLevel: 'debug' },
        nats: { podAnnotations: { changed: 'once' } },
        bus: { auth: { responder: { resources: { requests: { cpu: '25m' } } } } },
        crds: { install: true },
      },
      // The definition was there before the release.
      ['--take-ownership'],
    ),
  );
  // The revision before did not hold the definition: Helm would delete it, and every job with it,
  // if it were not to be kept.
  await trainsThrough('rollback', () => release.rollback());

  // By the operator of now the job is suspended, cut short and resumed, and so comes to its end.
  await patch(jobs, { suspend: true });
  await eventually('the job is suspended', async () => {
    return (await statusOf(jobs, 'toy')).phase === 'Suspended';
  });
  const maxSteps = (await statusOf(jobs, 'toy')).checkpoint?.latestStep ?? 0;
  await patch(jobs, { suspend: false, training: { maxSteps: maxSteps + 5 } });
  await untilComplete(t, jobs, 'toy');

  const results = digestsBelow(join(folder, 'out'));
  t.true(Object.keys(results).length > 0);
  await release.uninstall();
  t.is((await statusOf(jobs, 'toy')).phase, 'Succeeded', 'definition and job are still there');
  t.deepEqual(digestsBelow(join(folder, 'out')), results);
  const claims = await kubectl(['-n', release.namespace, 'get', 'pvc', '-o', 'name']);
  t.regex(claims.stdout, /^persistentvolumeclaim\//, 'the volume of NATS stays');
  const pvc = await kubectl(['-n', jobs, 'get', 'pvc', 'toy', '-o=jsonpath={.status.phase}']);
  t.is(pvc.stdout, 'Bound');
});

const stepOf = ({ progress }: JobStatus): number => progress?.step ?? 0;

function patch(namespace: string, spec: object) {
  const change = ['--type=merge', '-p', JSON.stringify({ spec })];
  return kubectl(['-n', namespace, 'patch', 'finetunejob', 'toy', ...change]);
}
