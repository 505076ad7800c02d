// A party of a federation is its hub or one of its clients: two kinds, which one controller keeps
// alike.
import { partyChild } from '../../crds/names/child-names.ts';
import { federationNames, federationPeerNames } from '../../crds/names/group.ts';
import { label, partyComponent } from '../../crds/names/labels.ts';
import type { KubeObject } from '../runtime/resource.ts';

export type PartyRole = 'hub' | 'client';

export const partyKinds = {
  hub: { names: federationNames, component: partyComponent.hub, child: partyChild.hub },
  client: {
    names: federationPeerNames,
    component: partyComponent.client,
    child: partyChild.client,
  },
} as const;

const roles: readonly PartyRole[] = ['hub', 'client'];

/** role/namespace/name: a hub and a client may have one name. */
export function partyKey(role: PartyRole, { metadata }: KubeObject): string {
  return `${role}/${metadata.namespace}/${metadata.name}`;
}

export function partsOf(key: string): { readonly role: PartyRole; readonly key: string } {
  const role = roles.find((one) => key.startsWith(`${one}/`)) ?? 'hub';
  return { role, key: key.slice(role.length + 1) };
}

/** Whose child it says that it is; anybody can write labels. */
export function partyOf({ metadata }: KubeObject): string | undefined {
  const name = metadata.labels[label.federationName];
  const component = metadata.labels[label.component];
  const role = roles.find((one) => partyKinds[one].component === component);
  if (name === undefined || role === undefined) return undefined;
  return `${role}/${metadata.namespace}/${name}`;
}
