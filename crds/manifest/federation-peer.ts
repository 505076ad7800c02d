// The file of a client of a federation whose hub is elsewhere.
import { type FederationPeer, federationPeer, federationPeerKind } from '../api/federation-peer.ts';
import { ofCluster } from './federation-cluster.ts';
import { parseOnly } from './only-document.ts';
import { readYaml } from './yaml-text.ts';

/** The client of a file; throws one UserError with all problems. */
export function parseFederationPeer(text: string, file: string): FederationPeer {
  return parseOnly(text, file, {
    kind: federationPeerKind,
    schema: federationPeer,
    refused: ({ spec }) => ofCluster(spec),
  });
}

/** Whether a file is meant to be one; what else is wrong with it, its parser says. */
export function isFederationPeer(text: string): boolean {
  const value = readYaml(text)?.[0]?.value;
  return Object(value)['kind'] === federationPeerKind;
}
