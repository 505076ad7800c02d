// Why a job cannot train in the pool that it names.
import { isDeepStrictEqual } from 'node:util';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { PoolSpec } from '../../crds/api/training-pool.ts';
import type { FailureCode } from '../../crds/failures/table.ts';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { whyNotPacked } from '../../crds/plan/packing.ts';
import { conditionOf } from '../runtime/conditions.ts';
import type { View } from './view.ts';

interface PoolProblem {
  readonly code: FailureCode;
  readonly message: string;
  readonly passing?: boolean;
}

export function poolProblems({ facts: { pool }, spec, status }: View): readonly PoolProblem[] {
  if (spec.packing === undefined || pool === undefined) return [];
  const own = ofJob(spec);
  if (own !== undefined) return [invalid(own)];
  const running = conditionOf(status.conditions ?? [], 'Running')?.reason;
  // It is published without the pool.
  if (running === 'Finished' || running === 'FinishedEarly') return [];
  const name = spec.packing.pool;
  switch (pool.type) {
    case 'Off': {
      const message = `spec.packing.pool is ${name}; this site runs no TrainingPools, features.trainingPools of the chart would`;
      return [{ code: 'E_NOT_PERMITTED', message, passing: true }];
    }
    case 'Missing': {
      const message = `TrainingPool ${name} is not there; the job waits for it`;
      return [{ code: 'E_REFERENCE_NOT_FOUND', message, passing: true }];
    }
    case 'There': {
      const unlike = pool.spec && unlikePool(spec, pool.spec, name);
      return unlike === undefined ? [] : [invalid(unlike)];
    }
    default:
      return pool satisfies never;
  }
}

function invalid(message: string): PoolProblem {
  return { code: 'E_INVALID_SPEC', message };
}

function ofJob({ method, worker, scheduling, checkpoint }: FineTuneJobSpec): string | undefined {
  const why = whyNotPacked(resolveMethod(method));
  if (why !== undefined) {
    return `the method of the job ${why}; jobs of a pool share a frozen base`;
  }
  if (worker.replicas !== 1 || worker.elasticity !== 'None') {
    return 'spec.worker asks for several workers; a job of a pool has one place';
  }
  const ofPods = (
    ['resources', 'image', 'env', 'nodeSelector', 'affinity', 'serviceAccountName'] as const
  ).find((field) => worker[field] !== undefined);
  if (ofPods !== undefined) {
    return `spec.worker.${ofPods} is of worker pods, which a job of a pool has not; set it in the pool`;
  }
  if (scheduling.queueName !== undefined) {
    return 'spec.scheduling.queueName admits worker pods, which a job of a pool has not';
  }
  if (checkpoint.destination !== undefined) {
    return 'spec.checkpoint.destination is set; checkpoints of jobs of a pool lie on its claim';
  }
  return undefined;
}

function unlikePool(spec: FineTuneJobSpec, pool: PoolSpec, name: string): string | undefined {
  if (!isDeepStrictEqual(spec.model.source, pool.model.source)) {
    return `spec.model.source is not that of pool ${name}; jobs of a pool have one base`;
  }
  const claim = spec.storage.data?.persistentVolumeClaim?.claimName;
  if (claim !== pool.claimName) {
    return `spec.storage.data is ${claim === undefined ? 'no existing claim' : `claim ${claim}`}; that of pool ${name} is claim ${pool.claimName}, and its pod has no other`;
  }
  if (spec.worker.devicesPerWorker !== pool.devices) {
    return `spec.worker.devicesPerWorker is ${spec.worker.devicesPerWorker}; pool ${name} has ${pool.devices}`;
  }
  return undefined;
}
