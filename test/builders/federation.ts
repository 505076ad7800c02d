// Parties of a federation as the API server keeps them: the examples, on claims and with a bus.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { partyProgress } from '../../crds/wire/federation-pod.ts';
import type { BuiltParty } from '../../operator/federation/objects.ts';
import { type ObservedParty, parties } from '../../operator/federation/observed.ts';
import type { PartyRole } from '../../operator/federation/party.ts';
import type { Tree } from '../doubles/kube/patches.ts';

const folder = new URL('../../crds/federations/', import.meta.url);
const files = { hub: 'hub.yaml', client: 'client-north.yaml' } as const;

export const partyName = { hub: 'three-clinics', client: 'north' } as const;

/** As a person writes it, with changes to its spec. */
export function writtenParty(role: PartyRole, changes: Tree = {}): Tree {
  const document = parse(readFileSync(new URL(files[role], folder), 'utf8'));
  const records = { persistentVolumeClaim: { claimName: 'records', path: 'north.json' } };
  const spec = {
    ...document.spec,
    ...(role === 'client' && { train: records }),
    bus: { url: 'tls://hub.example:4333', keySecretRef: { name: 'key-of-it', key: 'key' } },
    pod: { state: { persistentVolumeClaim: { claimName: 'state', path: 'a' } } },
    ...changes,
  };
  const { apiVersion, kind, metadata } = document;
  return { apiVersion, kind, metadata: { ...metadata, namespace: 'team' }, spec };
}

const server = { uid: 'uid-1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

export function observedParty(role: PartyRole, changes: Tree = {}, more: Tree = {}): ObservedParty {
  const written = writtenParty(role, changes);
  const metadata = { ...(written['metadata'] as Tree), ...server, generation: 2 };
  return parties[role].read({ ...written, metadata, ...more });
}

export function builtParty(role: PartyRole, changes: Tree = {}): BuiltParty {
  const party = observedParty(role, changes);
  const { accepted } = party;
  if (accepted === undefined) throw new Error(party.problem);
  return { ...party, accepted };
}

/** What a pod that trains tells. */
export function tells(changes: object = {}) {
  return partyProgress.parse({
    ...{ v: 1, state: 'Running', isConnected: true, doing: 'north step 3 of 20' },
    ...{ round: 1, rounds: 3 },
    ...changes,
  });
}
