// Stores of what belongs to pools. The pools themselves are read by jobs too (../informers.ts).
import { label } from '../../crds/names/labels.ts';
import { type AddressedPod, addressedPods } from '../job/observed/addressed-pod.ts';
import { type BatchJob, batchJobs } from '../job/observed/batch-job.ts';
import { type ChildObject, networkPolicies } from '../job/observed/child-object.ts';
import { type Following, type GroupFacts, ReflectorGroup } from '../runtime/reflector-group.ts';
import { byLabel, type KubeObject, keyByLabel } from '../runtime/resource.ts';
import { Store } from '../runtime/store.ts';

export interface PoolStores {
  readonly batchJobs: Store<BatchJob, 'pool'>;
  readonly policies: Store<ChildObject, 'pool'>;
  readonly pods: Store<AddressedPod, 'pool' | 'name'>;
}

export interface PoolInformers extends Following {
  readonly stores: PoolStores;
}

const ours = label.poolUid;
const byPool = byLabel(ours);
const poolOf = keyByLabel(label.poolName);

/** Also those of a pool that had the name before. */
function byName(pod: KubeObject): readonly string[] {
  const name = poolOf(pod);
  return name === undefined ? [] : [name];
}

export function poolStores(): PoolStores {
  const children = <T extends KubeObject>() => new Store<T, 'pool'>({ indexes: { pool: byPool } });
  const pods = new Store<AddressedPod, 'pool' | 'name'>({
    indexes: { pool: byPool, name: byName },
  });
  return { batchJobs: children(), policies: children(), pods };
}

export function poolInformers(facts: GroupFacts): PoolInformers {
  const group = new ReflectorGroup(facts);
  const stores = poolStores();
  group.follow(batchJobs, stores.batchJobs, { ours }, poolOf);
  group.follow(networkPolicies, stores.policies, { ours }, poolOf);
  group.follow(addressedPods, stores.pods, { ours }, poolOf);
  return { stores, ...group.controls() };
}
