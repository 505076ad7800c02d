// The pod around a container of ours: the same for prepare, worker and publish but for what each of
// them is given.
import type { V1Container, V1PodSpec, V1ResourceRequirements } from '@kubernetes/client-node';
import { copyBytes, copyModeOf } from '../../crds/plan/copies.ts';
import { fewestRanks, trainersOfPod } from '../../crds/plan/world.ts';
import { containerName, podRole } from '../../crds/wire/pod.ts';
import type { BuiltJob } from './child.ts';
import { environmentOf, type WorkerEnvironment } from './environment.ts';
import { type PodRole, referencesOf } from './references.ts';
import { prepareResources } from './resources.ts';
import { containerSecurity, podSecurity } from './security.ts';
import type { PodSettings } from './settings.ts';
import { sharedMemoryBytes, volumesOf } from './volumes.ts';

interface PodFacts {
  readonly job: BuiltJob;
  readonly role: PodRole;
  readonly settings: PodSettings;
  readonly worker?: WorkerEnvironment;
  /** Parameters that are trained, where known: sizes the memory for copies. */
  readonly trainedParameters?: number | undefined;
  /**
   * Of a worker that prepares for itself although its job has a shared volume: what the container
   * for it gets.
   */
  readonly preparation?: V1ResourceRequirements | undefined;
}

const argumentOf: Readonly<Record<PodRole, string>> = {
  prepare: podRole.prepare,
  worker: podRole.supervise,
  publish: podRole.publish,
};

export function podSpec(facts: PodFacts): V1PodSpec & { containers: [V1Container] } {
  const { job, role, settings } = facts;
  const { worker } = job.spec;
  const { volumes, mounts } = volumesOf(job, role, settings, { memoryBytes: memoryBytes(facts) });
  // Preparing and publishing are done by processors.
  const site = role === 'worker' && worker.devicesPerWorker > 0 ? settings.devices : settings;
  const container = (name: PodRole, mountsOfIt: V1Container['volumeMounts']): V1Container => ({
    name: containerName[name],
    image: worker.image ?? site.image,
    imagePullPolicy: worker.imagePullPolicy ?? site.imagePullPolicy,
    args: [argumentOf[name]],
    env: environmentOf(job, name, settings, name === 'worker' ? facts.worker : undefined),
    volumeMounts: mountsOfIt ?? [],
    securityContext: containerSecurity,
    terminationMessagePolicy: 'File',
  });
  const alone = referencesOf(job).shared === undefined && role !== 'prepare';
  const own = facts.preparation ?? (alone ? prepareResources(settings) : undefined);
  const first = own === undefined ? undefined : preparation(facts, volumes);
  return {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: podSecurity,
    ...(worker.imagePullSecrets === undefined ? {} : { imagePullSecrets: worker.imagePullSecrets }),
    ...(worker.serviceAccountName === undefined
      ? {}
      : { serviceAccountName: worker.serviceAccountName }),
    ...(first === undefined
      ? {}
      : {
          initContainers: [
            { ...container('prepare', first.mounts), ...(own && { resources: own }) },
          ],
        }),
    containers: [container(role, mounts)],
    volumes: first === undefined ? volumes : first.volumes,
  };
}

/**
 * Nothing is shared: each pod fetches for itself, and the credential for it is seen by the init
 * container alone.
 */
function preparation(
  { job, settings }: PodFacts,
  present: NonNullable<V1PodSpec['volumes']>,
): { mounts: V1Container['volumeMounts']; volumes: NonNullable<V1PodSpec['volumes']> } {
  const own = volumesOf(job, 'prepare', settings, { memoryBytes: 0 });
  const sourceOf = (volume: object) => JSON.stringify({ ...volume, name: '' });
  const volumes = [...present];
  const mounts = own.mounts.map((mount) => {
    const wanted = own.volumes.find(({ name }) => name === mount.name);
    const same = volumes.find((volume) => wanted && sourceOf(volume) === sourceOf(wanted));
    if (same !== undefined) return { ...mount, name: same.name };
    const name = `prepare-${mount.name}`;
    if (wanted !== undefined) volumes.push({ ...wanted, name });
    return { ...mount, name };
  });
  return { mounts, volumes };
}

/** Room for copies of the state in the memory of a worker. */
export function memoryBytes({
  job,
  trainedParameters,
}: Pick<PodFacts, 'job' | 'trainedParameters'>): number {
  const { worker } = job.spec;
  const own = copyBytes(trainedParameters ?? 0, fewestRanks(worker), copyModeOf(job.spec));
  return sharedMemoryBytes(trainersOfPod(worker.devicesPerWorker) * own);
}
