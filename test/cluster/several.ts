// A job of several workers on the real cluster, its pods, and the steps that they tell.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../doubles/eventually.ts';
import { mountDisk } from '../doubles/small-disk.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import type { ToyFamily } from '../toy/toy-tasks.ts';
import { statusOf } from './a-real-job.ts';
import { kubectl, listJson } from './access.ts';
import { jobInWords } from './job-in-words.ts';
import { aSharedFolder } from './shared-folder.ts';
import { ToldSteps } from './told-steps.ts';

const lora = { preset: 'LoRA', adapter: { type: 'LoRA', lora: { rank: 4, alpha: '8' } } };

export interface Wanted {
  readonly workers: number;
  /** When it ends; without it when `resumeFor` says so. */
  readonly maxSteps?: number;
  readonly intervalSteps: number;
  /** @default LoRA */
  readonly method?: Readonly<Record<string, unknown>>;
  /** @default a model that answers */
  readonly family?: ToyFamily;
  readonly sizes?: Readonly<Record<string, number>>;
  readonly dataset?: Readonly<Record<string, unknown>>;
  readonly worker?: object;
  readonly training?: object;
  readonly checkpoint?: object;
  readonly failurePolicy?: object;
  /** Whether a node may have more of the pods than another. @default DoNotSchedule */
  readonly spread?: 'DoNotSchedule' | 'ScheduleAnyway';
  /** The volume has no more room than so many bytes. */
  readonly diskBytes?: number;
}

/** The job in a namespace that a release is in charge of, applied. */
export async function aJobOfSeveral(
  t: Pick<ExecutionContext, 'teardown' | 'timeout'>,
  namespace: string,
  wanted: Wanted,
) {
  t.timeout(1_500_000);
  const folder = await aSharedFolder(namespace, 'toy');
  if (wanted.diskBytes !== undefined) {
    const disk = await mountDisk(folder, wanted.diskBytes);
    t.teardown(() => disk[Symbol.asyncDispose]());
    await chmod(folder, 0o777);
  }
  const { workers, maxSteps = 1_000_000, intervalSteps, method = lora } = wanted;
  const { file } = await writeToyJob(folder, {
    ...{ name: 'toy', claim: 'toy', method },
    ...(wanted.family === undefined ? {} : { family: wanted.family }),
    ...(wanted.sizes === undefined ? {} : { sizes: wanted.sizes }),
    ...(wanted.dataset === undefined ? {} : { dataset: wanted.dataset }),
    training: {
      ...{ maxSteps, globalBatchSize: 4, schedule: { type: 'Constant' } },
      ...wanted.training,
    },
    checkpoint: { intervalSteps, ...wanted.checkpoint },
    failurePolicy: { hangTimeoutSeconds: 20, ...wanted.failurePolicy },
    worker: {
      ...{ replicas: workers, devicesPerWorker: 0, terminationGracePeriodSeconds: 30 },
      // One thread here as there: the order of a sum depends on how many share it.
      env: [{ name: 'OMP_NUM_THREADS', value: '1' }],
      topologySpreadConstraints: [
        {
          ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname' },
          whenUnsatisfiable: wanted.spread ?? 'DoNotSchedule',
          labelSelector: { matchLabels: { 'anneal.dev/component': 'worker' } },
        },
      ],
      ...wanted.worker,
    },
  });
  await chmod(join(folder, 'out'), 0o777);
  await kubectl(['-n', namespace, 'apply', '-f', file]);
  const told = new ToldSteps(folder, () => jobInWords(namespace, 'toy'));
  const pods = async () => {
    const found = await listJson(namespace, 'pods', 'anneal.dev/component=worker');
    return (found as Item[])
      .filter(({ status, metadata }) => status.phase === 'Running' && !metadata.deletionTimestamp)
      .map(({ metadata, spec }) => ({
        name: metadata.name,
        uid: metadata.uid,
        node: spec.nodeName,
        index: Number(metadata.labels['batch.kubernetes.io/job-completion-index']),
      }))
      .sort((a, b) => a.index - b.index);
  };
  const suspend = async () => {
    await patchSpec(namespace, { suspend: true });
    await eventually(
      'the job is suspended',
      async () => (await statusOf(namespace, 'toy')).phase === 'Suspended',
      { withinMs: 120_000, everyMs: 250, inWords: () => jobInWords(namespace, 'toy') },
    );
  };
  /**
   * Of a suspended job: it goes on, and ends some steps later. How far it has come by then is the
   * machine's affair.
   */
  const resumeFor = async (steps: number) => {
    const end = told.last.step + steps;
    await patchSpec(namespace, { suspend: false, training: { maxSteps: end } });
    // For whoever runs the same file on this machine.
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(`maxSteps: ${maxSteps}`, `maxSteps: ${end}`));
  };
  return { namespace, folder, pods, told, suspend, resumeFor };
}

function patchSpec(namespace: string, spec: object) {
  const change = ['--type=merge', '-p', JSON.stringify({ spec })];
  return kubectl(['-n', namespace, 'patch', 'finetunejob', 'toy', ...change]);
}

export type JobOfSeveral = Awaited<ReturnType<typeof aJobOfSeveral>>;
export type PodOfSeveral = Awaited<ReturnType<JobOfSeveral['pods']>>[number];

interface Item {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly nodeName: string };
  readonly status: { readonly phase: string };
}
