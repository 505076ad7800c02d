import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { splitLive } from '../../../crds/plan/live.ts';
import { podVariable } from '../../../crds/wire/pod.ts';
import { writePlan } from '../../../operator/job/plan.ts';
import { environmentOf } from '../../../operator/objects/environment.ts';
import { type PodConfig, podConfig } from '../../../worker/supervisor/config.ts';
import { readPlan } from '../../../worker/supervisor/pod-plan.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const can: Changes = { 'worker.devicesPerWorker': 0 };

/** The variables that the operator gives to a worker pod, and those of kubelet. */
function variables(changes: Changes = {}): Record<string, string> {
  const job = aBuiltJob({ ...can, ...changes });
  const made = environmentOf(job, 'worker', someSettings, { workerRevision: 3, replicas: 1 });
  return Object.fromEntries(made.map(({ name, value }) => [name, value ?? '7']));
}

async function podWith(folder: string, changes: Changes = {}, more: Partial<PodConfig> = {}) {
  const job = aBuiltJob({ ...can, ...changes });
  const { text } = writePlan(job);
  const planFile = join(folder, 'plan.json');
  await writeFile(planFile, text);
  return { ...podConfig(variables(changes)), planFile, ...more };
}

test('what the operator sets is what a pod reads', (t) => {
  const config = podConfig(variables());
  t.like(config, {
    job: { name: 'first', namespace: 'team-a' },
    pod: { index: 7, workerRevision: 3, uid: '7' },
    natsUrl: someSettings.bus?.url,
    protocol: { oldest: 1, newest: 1 },
    runFolder: '/volumes/notes/.anneal/runs/first-0123abcd',
  });
  t.deepEqual(config.volumes, { notes: '/volumes/notes' });
});

test('a missing or odd variable is named', (t) => {
  const { [podVariable.jobUid]: _, ...without } = variables();
  t.throws(() => podConfig(without), { message: /^ANNEAL_JOB_UID is not set; / });
  t.throws(() => podConfig({ ...variables(), [podVariable.volumes]: '{' }), {
    message: /^ANNEAL_VOLUMES cannot be used/,
  });
});

test('values of Secrets are known, so that they can be kept out of what is said', (t) => {
  const secrets = JSON.stringify([{ name: 's', key: 'k', variable: 'ANNEAL_SECRET_0' }]);
  const config = podConfig({
    ...variables(),
    [podVariable.secrets]: secrets,
    ANNEAL_SECRET_0: 'hush',
  });
  t.deepEqual(config.secretValues, ['hush']);
});

test('plan and live fields make the whole spec again', async (t) => {
  await using folder = await temporaryFolder();
  const config = await podWith(folder.path, { 'checkpoint.intervalSteps': 5 });
  const { spec } = await readPlan(config);
  t.is(spec.checkpoint.intervalSteps, 5);
  t.deepEqual(
    JSON.parse(JSON.stringify(spec)),
    JSON.parse(JSON.stringify(aBuiltJob({ ...can, 'checkpoint.intervalSteps': 5 }).spec)),
  );
});

test('another plan than the one that the pod was made for is refused', async (t) => {
  await using folder = await temporaryFolder();
  const config = await podWith(folder.path, {}, { planDigest: 'other' });
  await t.throwsAsync(readPlan(config), { code: 'E_PLAN_MISMATCH' });
  await t.throwsAsync(readPlan({ ...config, planFile: join(folder.path, 'none') }), {
    code: 'E_PLAN_MISMATCH',
  });
});

test('an operator that speaks another protocol is refused', async (t) => {
  await using folder = await temporaryFolder();
  const config = await podWith(folder.path, {}, { protocol: { oldest: 2, newest: 3 } });
  await t.throwsAsync(readPlan(config), { code: 'E_VERSION_SKEW' });
});

test('what this version does not do is refused with its field, before anything is done', async (t) => {
  const instances = {
    ...{ 'worker.devicesPerWorker': 2, 'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb' },
  };
  await using folder = await temporaryFolder();
  await t.throwsAsync(readPlan(await podWith(folder.path, instances)), {
    code: 'E_NOT_BUILT',
  });
  const alone = await podWith(folder.path, {}, { runFolder: '/var/cache/anneal/run' });
  await t.throwsAsync(readPlan(alone), {
    code: 'E_NOT_BUILT',
    message: /names no claim that its pods share/,
  });
});

test('live fields of a later day win over those of the pod', async (t) => {
  await using folder = await temporaryFolder();
  const config = await podWith(folder.path);
  const { live } = splitLive(aBuiltJob({ ...can, 'checkpoint.intervalSteps': 9 }).spec);
  t.is((await readPlan({ ...config, live })).spec.checkpoint.intervalSteps, 9);
});
