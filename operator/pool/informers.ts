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
  readonly pods: Store<AddressedPod, 'pool'>;
}

export interface PoolInformers extends Following {
  readonly stores: PoolStores;
}

const ours = label.poolUid;
const byPool = byLabel(ours);
const poolOf = keyByLabel(label.poolName);

export function poolInformers(facts: GroupFacts): PoolInformers {
  const group = new ReflectorGroup(facts);
  const children = <T extends KubeObject>() => new Store<T, 'pool'>({ indexes: { pool: byPool } });
  const stores: PoolStores = {
    batchJobs: group.follow(batchJobs, children<BatchJob>(), { ours }, poolOf),
    policies: group.follow(networkPolicies, children<ChildObject>(), { ours }, poolOf),
    pods: group.follow(addressedPods, children<AddressedPod>(), { ours }, poolOf),
  };
  return { stores, ...group.controls() };
}
