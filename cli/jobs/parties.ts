// A hub or a client of a federation that a cluster has, from its object.
import { federation } from '../../crds/api/federation.ts';
import { clientStatus, hubStatus, type PartyStatus } from '../../crds/api/federation-party.ts';
import { federationPeer } from '../../crds/api/federation-peer.ts';
import type { Unread } from './job.ts';
import { readPart, treeOf, unreadOf } from './read-part.ts';
import { metadataOf, type StoredMetadata } from './stored-metadata.ts';

export interface Party extends StoredMetadata {
  readonly kind: 'Federation' | 'FederationPeer';
  readonly status: PartyStatus;
  readonly unread?: Unread;
}

const schemas = {
  Federation: { whole: federation, status: hubStatus },
  FederationPeer: { whole: federationPeer, status: clientStatus },
} as const;

export function readParty(kind: Party['kind'], object: object): Party {
  const { whole, status: schema } = schemas[kind];
  const root = () => treeOf(whole);
  const now = readPart(object, { name: 'status', schema, root, blank: () => ({}) });
  const unread = unreadOf([now]);
  return {
    ...{ kind, ...metadataOf(object), status: now.value },
    ...(unread === undefined ? {} : { unread }),
  };
}

export function partyPhase({ status }: Pick<Party, 'status'>): NonNullable<PartyStatus['phase']> {
  return status.phase ?? 'Pending';
}
