// Stores that the controller of federations reads, and whose party a change concerns.
import { label } from '../../crds/names/labels.ts';
import { type AddressedPod, addressedPods } from '../job/observed/addressed-pod.ts';
import { type BatchJob, batchJobs } from '../job/observed/batch-job.ts';
import { type ChildObject, networkPolicies } from '../job/observed/child-object.ts';
import { type Following, type GroupFacts, ReflectorGroup } from '../runtime/reflector-group.ts';
import { byLabel, type KubeObject } from '../runtime/resource.ts';
import { Store } from '../runtime/store.ts';
import { type ObservedParty, parties } from './observed.ts';
import { partyKey, partyOf } from './party.ts';

export interface FederationStores {
  readonly hub: Store<ObservedParty>;
  readonly client: Store<ObservedParty>;
  readonly jobs: Store<BatchJob, 'party'>;
  readonly policies: Store<ChildObject, 'party'>;
  readonly pods: Store<AddressedPod, 'party'>;
}

export interface FederationInformers extends Following {
  readonly stores: FederationStores;
}

const ours = label.federationUid;
const byParty = byLabel(ours);

export function federationInformers(facts: GroupFacts): FederationInformers {
  const group = new ReflectorGroup(facts);
  const own = () => new Store<ObservedParty>({ indexes: {} });
  const children = <T extends KubeObject>() =>
    new Store<T, 'party'>({ indexes: { party: byParty } });
  const stores: FederationStores = {
    hub: group.follow(parties.hub, own(), {}, (one) => partyKey('hub', one)),
    client: group.follow(parties.client, own(), {}, (one) => partyKey('client', one)),
    jobs: group.follow(batchJobs, children<BatchJob>(), { ours }, partyOf),
    policies: group.follow(networkPolicies, children<ChildObject>(), { ours }, partyOf),
    pods: group.follow(addressedPods, children<AddressedPod>(), { ours }, partyOf),
  };
  return { stores, ...group.controls() };
}
