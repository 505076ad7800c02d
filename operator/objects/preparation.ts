// Where model and data are put in place. A pod of its own does it before workers hold anything, and
// it alone reaches the web and sees what opens a hub or a bucket. The pod of an only worker does it
// in a container before the worker's where that needs neither, and where its memory is known
// without a plan: one pod less to be made, scheduled, started and told of.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { Source } from '../../crds/api/source.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import { referencesOf } from './references.ts';
import type { PodSettings } from './settings.ts';

interface Prepared {
  readonly name: string;
  readonly spec: FineTuneJobSpec;
}

export function preparesInWorker(job: Prepared, settings: PodSettings): boolean {
  const { spec } = job;
  const { scheduling } = spec;
  const isQueued =
    scheduling.queueName !== undefined || scheduling.auxiliaryQueueName !== undefined;
  return (
    spec.packing === undefined &&
    referencesOf(job).shared !== undefined &&
    isAlone(spec) &&
    // A queue lets a pod that prepares in before there is room for workers.
    !isQueued &&
    sourcesOf(spec).every(isMounted) &&
    memoryOf(spec) >= parseQuantity(settings.resources.prepare.requests['memory'] ?? 0)
  );
}

/** Devices would wait for it, and other workers too. */
function isAlone({ worker }: FineTuneJobSpec): boolean {
  const { replicas, maxReplicas = replicas, elasticity, devicesPerWorker } = worker;
  const most = elasticity === 'None' ? replicas : maxReplicas;
  return most === 1 && devicesPerWorker === 0;
}

/** Of model and data; undefined: the job names none. */
export function sourcesOf({ model, dataset }: FineTuneJobSpec): readonly (Source | undefined)[] {
  return [model.source, dataset.train, dataset.eval];
}

/** Kubelet mounts it: nothing is fetched, and no Secret is needed. */
function isMounted(source: Source | undefined): boolean {
  if (source === undefined) return true;
  return source.persistentVolumeClaim !== undefined || source.image !== undefined;
}

/** What the job says; 0 where a plan has to tell. */
function memoryOf({ worker }: FineTuneJobSpec): number {
  const { requests, limits } = worker.resources ?? {};
  return parseQuantity(limits?.['memory'] ?? requests?.['memory'] ?? 0);
}
