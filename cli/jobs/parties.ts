// The hubs and clients of federations that a cluster has, from their objects.
import * as z from 'zod';
import type { PartyStatus } from '../../crds/api/federation-party.ts';
import { federationNames, federationPeerNames, group, version } from '../../crds/names/group.ts';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { listAll } from '../client/kube-watch.ts';

export interface Party {
  readonly kind: 'Federation' | 'FederationPeer';
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: string;
  /** Of a client. */
  readonly federation: string | undefined;
  readonly status: PartyStatus;
  readonly generation: number;
}

const object = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().default(''),
    creationTimestamp: z.string().default(''),
    generation: z.int().default(1),
  }),
  spec: z.object({ federation: z.string().optional() }).prefault({}),
  status: z.record(z.string(), z.unknown()).default({}),
});

/** Newest first; none where the cluster has no such kinds, or does not show them. */
export async function listParties(
  kube: Kube,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly Party[]> {
  const inside = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const found = await Promise.all(
    [federationNames, federationPeerNames].map(async ({ plural, kind }) => {
      const path = `/apis/${group}/${version}${inside}/${plural}`;
      const { objects } = await listAll(kube, { path }, signal).catch(noneWhereHidden);
      return objects.map((raw) => partyOf(kind, raw));
    }),
  );
  return found.flat().toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
}

function noneWhereHidden(error: unknown): { readonly objects: readonly object[] } {
  if (error instanceof KubeError && [403, 404].includes(error.status)) return { objects: [] };
  throw error;
}

function partyOf(kind: Party['kind'], raw: object): Party {
  const { metadata, spec, status } = object.parse(raw);
  const { name, namespace, creationTimestamp: createdAt, generation } = metadata;
  // The API server holds it to the schema.
  const told = status as PartyStatus;
  return {
    ...{ kind, name, namespace, createdAt, generation, status: told },
    federation: spec.federation,
  };
}

export function partyPhase({ status }: Party): NonNullable<PartyStatus['phase']> {
  return status.phase ?? 'Pending';
}
