// Memory of the operator while jobs and pods add up to many thousands, and of one that starts when
// all of them are there, as after the loss of a leader. Jobs are suspended, so that nothing else is
// made for them; a pod for each is made here, by the builder and with the status of a worker that
// runs, and no kubelet looks after it.
import { setTimeout as wait } from 'node:timers/promises';
import type { Setup } from '../../../cli/setup/setup.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { writePlan } from '../../../operator/job/plan.ts';
import type { PodSettings } from '../../../operator/objects/settings.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import type { Transport } from '../../../operator/runtime/transport.ts';
import { configFrom, kubectl, transportTo } from '../../cluster/access.ts';
import { eventually } from '../../doubles/eventually.ts';
import { collectionOf } from './burst.ts';
import { oursInWorker as ours } from './contenders.ts';
import { numbersOf } from './operator-page.ts';
import { openOperator } from './our-operator.ts';
import { usedBy } from './processes.ts';

const stepJobs = 1000;
const inFlight = 24;
const patience = { withinMs: 600_000, everyMs: 250 };
/** What was garbage when the last object came is collected by then, as far as V8 wants to. */
const settleMs = 3_000;

const contender = { ...ours, namespace: 'bench-memory' };

const nothing = { requests: {}, limits: {} };

const settings: PodSettings = {
  ...{ image: 'anneal-worker:0.1.0', imagePullPolicy: 'IfNotPresent' },
  resources: { prepare: nothing, worker: nothing, publish: nothing },
  bus: { url: 'nats://anneal-nats.anneal-system:4222', port: 4222, namespace: 'anneal-system' },
  ...{
    hubEndpoint: undefined,
    nameServers: [],
    traces: undefined,
    monitoringNamespace: undefined,
    devices: {
      ...{ image: 'anneal-worker:0.1.0-cuda', imagePullPolicy: 'IfNotPresent' },
      ...{ resourceName: 'nvidia.com/gpu', runtimeClassName: undefined, memoryBytes: undefined },
    },
  },
  coschedulingScheduler: 'none',
};

interface Sample {
  readonly jobs: number;
  readonly pods: number;
  readonly resident: number;
  readonly heap: number;
}

export async function measureMemory(setup: Setup, count: number): Promise<string> {
  const { signal } = setup;
  await kubectl(['create', 'namespace', contender.namespace]);
  await using operator = await openOperator(contender.namespace);
  await using transport = transportTo(configFrom(), 60_000);
  const samples: Sample[] = [await sample(operator.port)];
  for (let made = 0; made < count; ) {
    const until = Math.min(made + stepJobs, count);
    const numbers = Array.from({ length: until - made }, (_, index) => made + index);
    const work = async (): Promise<void> => {
      for (let next = numbers.pop(); next !== undefined; next = numbers.pop()) {
        await makeJob(transport, `b0-${next}`, signal);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    made = until;
    const told = async () => {
      const { suspending, pods } = await numbersOf(operator.port);
      return suspending >= made && pods >= made;
    };
    await eventually(`${made} jobs are evaluated after`, told, patience);
    const taken = await sample(operator.port);
    samples.push(taken);
    setup.steps.note(lineOf(taken));
  }
  const before = usedBy(ours.isProcess).peakBytes;
  await operator.stop();
  const began = performance.now();
  await operator.start();
  const done = async () => {
    const { pods, reconciled, waiting } = await numbersOf(operator.port);
    return pods >= count && reconciled >= count && waiting === 0;
  };
  await eventually('the next operator has looked at every job', done, patience);
  const takeoverSeconds = (performance.now() - began) / 1000;
  const again = await sample(operator.port);
  const after = usedBy(ours.isProcess).peakBytes;
  await kubectl(['delete', 'namespace', contender.namespace, '--wait=false']);
  return report(samples, again, { before, after, takeoverSeconds });
}

async function makeJob(transport: Transport, name: string, signal: AbortSignal): Promise<void> {
  const { namespace } = contender;
  const body = contender.body(name) as { spec: object };
  const suspended = { ...body, spec: { ...body.spec, suspend: true } };
  const path = collectionOf(contender);
  const raw = await transport.send({ verb: 'POST', path, body: suspended }, signal);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  await transport.send({ verb: 'POST', path: pods, body: podFor(raw) }, signal);
  const contentType = 'application/merge-patch+json';
  const status = { verb: 'PATCH', path: `${pods}/${name}-w1-0/status`, contentType } as const;
  await transport.send({ ...status, body: { status: running() } }, signal);
}

function podFor(raw: unknown): object {
  const { metadata, spec } = fineTuneJobs.read(raw);
  if (spec === undefined) throw new Error('the job of the benchmark cannot be read');
  const { name, namespace, uid } = metadata;
  const planDigest = writePlan({ name, namespace, uid, spec }).digest;
  const job = workerJob({
    ...{
      job: { name, namespace, uid, spec, planDigest },
      settings,
      workerRevision: 1,
      replicas: 1,
    },
    ...{ gang: undefined, excludedNodes: [], grown: 0, trainedParameters: undefined },
  });
  const { template } = job.spec;
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...template.metadata,
      ...{ name: `${name}-w1-0`, ownerReferences: job.metadata.ownerReferences },
    },
    // Nobody places it.
    spec: { ...template.spec, schedulerName: 'none' },
  };
}

function running(): object {
  const at = new Date().toISOString();
  const condition = (type: string) => ({ type, status: 'True', lastTransitionTime: at });
  const worker = { name: 'worker', image: settings.image, imageID: '', restartCount: 0 };
  return {
    ...{ phase: 'Running', podIP: '10.200.0.1', startTime: at },
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition),
    containerStatuses: [
      { ...worker, ready: true, started: true, state: { running: { startedAt: at } } },
    ],
  };
}

async function sample(port: number): Promise<Sample> {
  await wait(settleMs);
  const { suspending: jobs, pods, heap } = await numbersOf(port);
  return { jobs, pods, heap, resident: usedBy(ours.isProcess).residentBytes };
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

function lineOf({ jobs, pods, resident, heap }: Sample): string {
  return `${jobs} jobs, ${pods} pods: ${mib(resident)} MiB resident, ${mib(heap)} of it used by objects`;
}

function report(
  samples: readonly Sample[],
  again: Sample,
  peaks: {
    readonly before: number;
    readonly after: number;
    readonly takeoverSeconds: number;
  },
): string {
  const rows = samples.map(({ jobs, pods, resident, heap }, index) => {
    const before = samples[index - 1];
    const growth = before === undefined ? '' : mib(resident - before.resident);
    return `| ${jobs} | ${pods} | ${mib(resident)} | ${growth} | ${mib(heap)} |`;
  });
  return [
    '| jobs | pods | resident, MiB | growth | objects, MiB |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `The most at any time: ${mib(peaks.before)} MiB. Another operator, started when all were there: ${mib(again.resident)} MiB, ${mib(peaks.after)} at most; from the start of its process until it had evaluated at every job ${peaks.takeoverSeconds.toFixed(1)} s.`,
  ].join('\n');
}
