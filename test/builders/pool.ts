// A pool, and jobs that ask for it.
import type { ListedJob, ToldJob } from '../../crds/wire/pool.ts';
import { type Pod, pods } from '../../operator/job/observed/pod.ts';
import { type ObservedPool, trainingPools } from '../../operator/pool/observed.ts';
import type { Tree } from '../doubles/kube/patches.ts';

const source = { persistentVolumeClaim: { claimName: 'work', path: 'model' } };

export function writtenPool(spec: Tree = {}): Tree {
  return {
    metadata: { name: 'smol', namespace: 'team' },
    spec: { model: { source }, claimName: 'work', ...spec },
  };
}

export function aPool(spec: Tree = {}, status: Tree = {}): ObservedPool {
  const metadata = { name: 'smol', namespace: 'team', uid: 'uid-1', resourceVersion: '1' };
  const { spec: written } = writtenPool(spec);
  const creationTimestamp = '2026-01-01T12:00:00Z';
  return trainingPools.read({
    ...{ spec: written, status },
    metadata: { ...metadata, creationTimestamp, generation: 1 },
  });
}

export function aPoolPod(phase: string): Pod {
  const metadata = { name: 'smol-pool-1', namespace: 'team', uid: 'u', resourceVersion: '1' };
  return pods.read({
    metadata: { ...metadata, creationTimestamp: '2026-01-01T12:00:00Z' },
    status: { phase },
  });
}

export function listedJob(name: string): ListedJob {
  return { name, uid: `uid-of-${name}`, plan: '{}', planDigest: 'abc', live: {} };
}

export function toldJob(
  name: string,
  state: ToldJob['state'],
  more: Partial<ToldJob> = {},
): ToldJob {
  return { uid: `uid-of-${name}`, state, ...more };
}

/** Changes of a job's spec by which it fits the pool. */
export const packedSpec = {
  'packing.pool': 'smol',
  'model.source': source,
  'storage.data': { persistentVolumeClaim: { claimName: 'work' } },
  'worker.devicesPerWorker': 0,
} as const;
