// `run.json` of a pod: who, what, where, from the plan and the environment. The day of the first
// pod stays, since chat templates may print it; everything else is written anew by each pod.
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { immutablePart } from '../../crds/plan/live.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import { type RunRecord, runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import { readRecord, writeRecord } from '../run-folder.ts';
import type { PodConfig } from './config.ts';
import { recomputeAll } from './verdict.ts';

/** Writes the record into the folder of the run, which is made where it is missing. */
export async function writeRun(
  config: Pick<PodConfig, 'runFolder' | 'job' | 'volumes' | 'cache'>,
  spec: FineTuneJobSpec,
  nowMs: number,
  deviceProduct?: string,
): Promise<RunRecord> {
  const { runFolder, job } = config;
  await mkdir(runFolder, { recursive: true });
  const before = await readRecord(runFolder, runFiles.run, runRecord);
  const record: RunRecord = {
    version: 1,
    name: job.name,
    namespace: job.namespace,
    folder: runFolder,
    spec,
    digest: jobDigest(job.uid, spec),
    volumes: config.volumes,
    cache: config.cache,
    // Each of several trainers of a pod is told its own.
    device: spec.worker.devicesPerWorker > 0 ? 'cuda:0' : 'cpu',
    ...(deviceProduct === undefined ? {} : { deviceProduct }),
    threads: threadsOf(spec),
    createdAt: before?.createdAt ?? new Date(nowMs).toISOString(),
    tensorboard: join(runFolder, runFiles.tensorboard),
    initial: join(runFolder, runFiles.initial),
  };
  await writeRecord(runFolder, runFiles.run, runRecord, record);
  return record;
}

/**
 * A checkpoint belongs to the job object and to what is fixed in it: number of steps, learning rate
 * and the like may be changed while the job is suspended, and its checkpoints stay good.
 */
export function jobDigest(uid: string, spec: FineTuneJobSpec): string {
  const { model, dataset, method, training } = immutablePart(spec);
  return digestOf({ uid, model, dataset, method, training });
}

/**
 * What a trainer has of the processors that the pod was given, where it says; a container without a
 * limit sees the whole machine.
 */
function threadsOf({ worker }: FineTuneJobSpec): number {
  const cpu = worker.resources?.limits?.['cpu'] ?? worker.resources?.requests?.['cpu'];
  const given = cpu === undefined ? availableParallelism() : parseQuantity(cpu);
  return Math.max(1, Math.floor(given / trainersOfPod(worker.devicesPerWorker)));
}

/** The spec with the steps of the memory ladder that were taken. */
export function adjusted(spec: FineTuneJobSpec, adjustments: readonly string[]): FineTuneJobSpec {
  if (!adjustments.includes(recomputeAll)) return spec;
  return { ...spec, parallelism: { ...spec.parallelism, activationRecomputation: 'Full' } };
}
