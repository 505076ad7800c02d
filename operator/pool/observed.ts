// A TrainingPool, as its controller and the jobs of it see it.
import * as z from 'zod';
import { type PoolSpec, type PoolStatus, poolSpec } from '../../crds/api/training-pool.ts';
import { group, poolNames, version } from '../../crds/names/group.ts';
import { metadata } from '../job/observed/metadata.ts';
import type { KubeObject, Resource } from '../runtime/resource.ts';

export interface ObservedPool extends KubeObject {
  readonly generation: number;
  /** Undefined when it cannot be read; `problem` says why. */
  readonly spec: PoolSpec | undefined;
  readonly problem: string;
  readonly status: PoolStatus;
}

const outline = z.object({
  metadata,
  spec: z.unknown(),
  status: z.record(z.string(), z.unknown()).default({}),
});
const numbered = z.object({ metadata: z.object({ generation: z.int().default(1) }) });

export const trainingPools: Resource<ObservedPool> = {
  ...{ group, version, plural: poolNames.plural, kind: poolNames.kind },
  read(raw) {
    const { metadata: meta, spec, status } = outline.parse(raw);
    const { data, error } = poolSpec.safeParse(spec);
    const [issue] = error?.issues ?? [];
    return {
      ...{ metadata: meta, spec: data },
      generation: numbered.parse(raw).metadata.generation,
      problem: issue === undefined ? '' : `spec.${issue.path.join('.')} ${issue.message}`,
      // Nobody writes it but us, and the API server holds it to the schema.
      status: status as PoolStatus,
    };
  },
};
