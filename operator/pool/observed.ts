// A TrainingPool, as its controller and the jobs of it see it.
import { type PoolSpec, type PoolStatus, poolSpec } from '../../crds/api/training-pool.ts';
import { poolNames } from '../../crds/names/group.ts';
import { type Specified, specifiedResource } from '../job/observed/specified.ts';

export type ObservedPool = Specified<PoolSpec, PoolStatus>;

export const trainingPools = specifiedResource<PoolSpec, PoolStatus>(poolNames, poolSpec);
