// A pool of training jobs that a cluster has, from its object.
import type * as z from 'zod';
import {
  type PoolSpec,
  type PoolStatus,
  poolSpec,
  poolStatus,
  trainingPool,
} from '../../crds/api/training-pool.ts';
import type { Unread } from './job.ts';
import { readPart, treeOf, unreadOf } from './read-part.ts';
import { metadataOf, type StoredMetadata } from './stored-metadata.ts';

export interface Pool extends StoredMetadata {
  readonly kind: 'TrainingPool';
  readonly spec: PoolSpec;
  readonly status: PoolStatus;
  readonly unread?: Unread;
}

const root = () => treeOf(trainingPool);

export function readPool(object: object): Pool {
  const spec = readPart(object, { name: 'spec', schema: poolSpec, root, blank: blankSpec });
  const now = readPart(object, { name: 'status', schema: poolStatus, root, blank: () => ({}) });
  const unread = unreadOf([spec, now]);
  return {
    ...{ kind: 'TrainingPool', ...metadataOf(object), spec: spec.value, status: now.value },
    ...(unread === undefined ? {} : { unread }),
  };
}

/** Replaces what cannot be read; its values are never shown. */
function blankSpec(): z.input<typeof poolSpec> {
  return { model: { source: { local: { path: '/unread' } } }, claimName: 'unread' };
}
