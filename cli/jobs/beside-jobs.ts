// What a cluster has beside jobs, and is listed below them: hubs and clients of federations, and
// servers of adapters.
import {
  federationNames,
  federationPeerNames,
  group,
  serverNames,
  version,
} from '../../crds/names/group.ts';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { listAll } from '../client/kube-watch.ts';
import { type Party, readParty } from './parties.ts';
import { readServer, type Server } from './servers.ts';

export interface BesideJobs {
  readonly parties: readonly Party[];
  readonly servers: readonly Server[];
}

/** Each kind newest first, and empty where the cluster has it not, or does not show it. */
export async function listBesideJobs(
  kube: Kube,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<BesideJobs> {
  const inside = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const objects = async ({ plural }: { readonly plural: string }) => {
    const path = `/apis/${group}/${version}${inside}/${plural}`;
    const listed = await listAll(kube, { path }, signal).catch(noneWhereHidden);
    return listed.objects;
  };
  const [hubs, clients, servers] = await Promise.all([
    objects(federationNames),
    objects(federationPeerNames),
    objects(serverNames),
  ]);
  const parties = [
    ...hubs.map((one) => readParty('Federation', one)),
    ...clients.map((one) => readParty('FederationPeer', one)),
  ];
  return {
    parties: parties.toSorted(newestFirst),
    servers: servers.map(readServer).toSorted(newestFirst),
  };
}

function noneWhereHidden(error: unknown): { readonly objects: readonly object[] } {
  if (error instanceof KubeError && [403, 404].includes(error.status)) return { objects: [] };
  throw error;
}

function newestFirst(a: Party | Server, b: Party | Server): number {
  return b.createdAt.localeCompare(a.createdAt);
}
