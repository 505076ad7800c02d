// Stores that the controller of servers reads, and whose server a change concerns.
import { label } from '../../crds/names/labels.ts';
import { type ChildObject, services } from '../job/observed/child-object.ts';
import { type Following, type GroupFacts, ReflectorGroup } from '../runtime/reflector-group.ts';
import { byLabel, type KubeObject, keyByLabel, keyOf } from '../runtime/resource.ts';
import { Store } from '../runtime/store.ts';
import {
  type Deployment,
  deployments,
  type ObservedAdapter,
  type ObservedServer,
  type ServingPod,
  servedAdapterObjects,
  servers,
  servingPods,
} from './observed.ts';

export interface ServerStores {
  /** By the keys of the Adapters that they name. */
  readonly servers: Store<ObservedServer, 'adapter'>;
  readonly deployments: Store<Deployment, 'server'>;
  readonly services: Store<ChildObject, 'server'>;
  readonly pods: Store<ServingPod, 'server'>;
  readonly adapters: Store<ObservedAdapter>;
}

export interface ServerInformers extends Following {
  readonly stores: ServerStores;
}

const ours = label.serverUid;
const byServer = byLabel(ours);
const serverOf = keyByLabel(label.serverName);

export function serverInformers(facts: GroupFacts): ServerInformers {
  const group = new ReflectorGroup(facts);
  const children = <T extends KubeObject>() =>
    new Store<T, 'server'>({ indexes: { server: byServer } });
  const known = new Store<ObservedServer, 'adapter'>({ indexes: { adapter: byAdapter } });
  const adapters = new Store<ObservedAdapter>({ indexes: {} });
  const stores: ServerStores = {
    servers: group.follow(servers, known, {}, keyOf),
    deployments: group.follow(deployments, children<Deployment>(), { ours }, serverOf),
    services: group.follow(services, children<ChildObject>(), { ours }, serverOf),
    pods: group.follow(servingPods, children<ServingPod>(), { ours }, serverOf),
    adapters: group.follow(servedAdapterObjects, adapters, {}, undefined),
  };
  adapters.subscribe(({ object }) => {
    for (const server of known.by('adapter', keyOf(object))) facts.changed(keyOf(server));
  });
  return { stores, ...group.controls() };
}

function byAdapter({ metadata, spec }: ObservedServer): readonly string[] {
  return (spec?.adapters ?? []).flatMap(({ adapterRef }) =>
    adapterRef === undefined ? [] : [`${metadata.namespace}/${adapterRef.name}`],
  );
}
