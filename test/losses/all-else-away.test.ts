// Everything around four workers that train is lost, one after the other: the API server for a
// minute with the operator in it, the server of the bus, what the bus had stored, and both while
// the operator was away. They train on, and the result has the bits of four local workers.
import { join } from 'node:path';
import { onThisMachine, statusOf, untilComplete } from '../cluster/a-real-job.ts';
import { aNamespace, installCrd, kubectl, listJson } from '../cluster/access.ts';
import { partOf } from '../cluster/control-plane.ts';
import { installAnneal, loadImages } from '../cluster/installed.ts';
import { test } from '../cluster/our-cluster.ts';
import { killContainers, signalPod } from '../cluster/pod-processes.ts';
import { aJobOfSeveral, type JobOfSeveral } from '../cluster/several.ts';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

const awayMs = 60_000;
const slowly = { withinMs: 180_000, everyMs: 500 };

test('four workers train on while all else is away, and after the bus has forgotten them', async (t) => {
  const namespace = await aNamespace(t);
  const { namespace: release } = await installAnneal(t, namespace);
  const job = await aJobOfSeveral(t, namespace, { workers: 4, intervalSteps: 3 });
  const { told } = job;
  const seconds = (since: number, at = Date.now()) => `${((at - since) / 1000).toFixed(1)} s`;
  /** It saves before, since restarts that lead to no checkpoint end a job. */
  const killTrainer = async (index: number, pods: Awaited<ReturnType<JobOfSeveral['pods']>>) => {
    await told.untilStep(told.last.step + 5);
    const before = told.last;
    const began = Date.now();
    signalPod(pods[index]?.uid ?? '', 'SIGKILL', 'trainer');
    const next = await told.firstAfter(before.round);
    return `${seconds(began, next.at)}, ${Math.max(0, before.step + 1 - next.step)} steps again`;
  };
  await told.untilStep(5);
  const pods = await job.pods();
  const operator = await podOf(release, 'operator');
  const bus = await podOf(release, 'nats');

  const server = await partOf('kube-apiserver');
  const began = Date.now();
  const first = told.last.step;
  server.kill();
  try {
    killContainers(operator.uid);
    t.log(`trainer killed without API server and operator: ${await killTrainer(1, pods)}`);
    await eventually('a minute has passed', () => Date.now() > began + awayMs, slowly);
  } finally {
    await server.restart();
  }
  t.log(`API server away for ${seconds(began)}: ${told.last.step - first} steps meanwhile`);
  await eventually('the API server is back', apiServerAnswers, slowly);
  await eventually(
    'status has come up with the workers',
    async () => (await statusOf(namespace, 'toy')).restarts?.counted === 1,
    slowly,
  );
  t.log(`status had come up with them ${seconds(began + awayMs)} later`);

  const busKilled = Date.now();
  const stepThen = told.last.step;
  killContainers(bus.uid);
  await told.untilStep(stepThen + 10);
  await untilCommitted(job, stepThen);
  t.log(
    `server of the bus killed: steps went on, the next commit was in status after ${seconds(busKilled)}`,
  );
  t.log(`trainer killed after that: ${await killTrainer(2, pods)}`);

  const wiped = await wipe(job, release);
  t.log(`storage of the bus wiped: ${wiped}`);

  await kubectl(['-n', release, 'scale', 'deployment/anneal-operator', '--replicas=0']);
  await eventually(
    'the operator is away',
    async () => (await podsOf(release, 'operator')).length === 0,
    slowly,
  );
  t.log(`trainer killed without operator: ${await killTrainer(3, pods)}`);
  await told.untilStep(told.last.step + 8);
  const again = await wipe(job, release, () =>
    kubectl(['-n', release, 'scale', 'deployment/anneal-operator', '--replicas=1']),
  );
  t.log(`storage of the bus wiped with the operator away: ${again}`);

  await job.suspend();
  await job.resumeFor(10);
  await untilComplete(t, namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 4));
  const { restarts } = await statusOf(namespace, 'toy');
  t.log(JSON.stringify(restarts));
  t.deepEqual(
    (await job.pods()).filter(({ uid }) => !pods.some((pod) => pod.uid === uid)),
    [],
    'pods that were there stay',
  );
});

/** What is stored goes with the pod; how the workers go on. */
async function wipe(
  { told }: JobOfSeveral,
  release: string,
  before: () => Promise<unknown> = async () => {},
): Promise<string> {
  const { name } = await podOf(release, 'nats');
  const last = told.last;
  const began = Date.now();
  await kubectl(['-n', release, 'delete', 'pod', name, '--grace-period=0', '--force']);
  await before();
  const next = await told.firstAfter(last.round);
  const meanwhile = told.of(last.round).filter(({ at }) => at > began).length;
  const again = Math.max(0, (told.of(last.round).at(-1)?.step ?? 0) + 1 - next.step);
  const seconds = ((next.at - began) / 1000).toFixed(1);
  return `next world after ${seconds} s, ${meanwhile} steps meanwhile, ${again} steps again`;
}

async function untilCommitted({ namespace }: JobOfSeveral, step: number): Promise<void> {
  const isThere = async () =>
    ((await statusOf(namespace, 'toy')).checkpoint?.latestStep ?? 0) > step;
  await eventually('a later checkpoint is in status', isThere, slowly);
}

async function apiServerAnswers(): Promise<boolean> {
  return !(await kubectl(['get', '--raw=/readyz'], { mayFail: true })).failed;
}

interface PodOfRelease {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: { readonly phase: string };
}

async function podsOf(release: string, component: string) {
  const found = await listJson(release, 'pods', `app.kubernetes.io/component=${component}`);
  return (found as PodOfRelease[]).map(({ metadata }) => metadata);
}

async function podOf(release: string, component: string) {
  const [pod] = await podsOf(release, component);
  if (pod === undefined) throw new Error(`no pod of ${component} in ${release}`);
  return pod;
}
