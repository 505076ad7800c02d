// What the controller of federations reads of the API server: hubs, clients, and their pods.
import * as z from 'zod';
import { federationSpec } from '../../crds/api/federation.ts';
import type { FederationBus, FederationPod, PartyStatus } from '../../crds/api/federation-party.ts';
import { federationPeerSpec } from '../../crds/api/federation-peer.ts';
import { refusedHub } from '../../crds/manifest/federation.ts';
import { refusedClientOnCluster } from '../../crds/manifest/federation-cluster.ts';
import { apiVersion, group, version } from '../../crds/names/group.ts';
import { metadata } from '../job/observed/metadata.ts';
import { numbered } from '../job/observed/specified.ts';
import type { KubeObject, Resource } from '../runtime/resource.ts';
import { type PartyRole, partyKinds } from './party.ts';

export interface ObservedParty extends KubeObject {
  readonly role: PartyRole;
  readonly generation: number;
  /** Undefined when it cannot be run; `problem` says why. */
  readonly accepted: AcceptedParty | undefined;
  readonly problem: string;
  readonly status: PartyStatus;
}

export interface AcceptedParty {
  readonly bus: FederationBus;
  readonly pod: FederationPod;
  /** Of the file that its program takes. */
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly claims: readonly { readonly claimName: string; readonly writes: boolean }[];
}

const outline = z.object({
  metadata,
  spec: z.record(z.string(), z.unknown()).default({}),
  status: z.record(z.string(), z.unknown()).default({}),
});

interface Read {
  readonly problem: string;
  readonly parts?: Pick<AcceptedParty, 'bus' | 'pod' | 'claims'>;
}

export const parties: Readonly<Record<PartyRole, Resource<ObservedParty>>> = {
  hub: resourceOf('hub', readHub),
  client: resourceOf('client', readClient),
};

function resourceOf(role: PartyRole, readSpec: (spec: unknown) => Read): Resource<ObservedParty> {
  const { plural, kind } = partyKinds[role].names;
  return {
    ...{ group, version, plural, kind },
    read(raw) {
      const { metadata: meta, spec, status } = outline.parse(raw);
      const { problem, parts } = readSpec(spec);
      // What is of the cluster alone its program does not take.
      const { bus: _bus, pod: _pod, ...rest } = spec;
      const { name, namespace } = meta;
      const manifest = { apiVersion, kind, metadata: { name, namespace }, spec: rest };
      return {
        ...{ metadata: meta, role, problem },
        generation: numbered.parse(raw).metadata.generation,
        accepted: parts && { ...parts, manifest },
        // Nobody writes it but us, and the API server holds it to the schema.
        status: status as PartyStatus,
      };
    },
  };
}

function readHub(raw: unknown): Read {
  const { data, error } = federationSpec.safeParse(raw);
  if (data === undefined) return { problem: wordsOf(error) };
  const [first] = refusedHub(data, 'cluster');
  const { bus, pod, template } = data;
  if (first !== undefined || bus === undefined || pod === undefined) {
    return { problem: first?.message ?? '' };
  }
  const { model, dataset, output } = template;
  const read = [model.source, dataset.train, dataset.eval];
  return {
    problem: '',
    parts: {
      bus,
      pod,
      claims: [...claimsOf(read, false), ...claimsOf([output.destination], true)],
    },
  };
}

function readClient(raw: unknown): Read {
  const { data, error } = federationPeerSpec.safeParse(raw);
  if (data === undefined) return { problem: wordsOf(error) };
  const [first] = refusedClientOnCluster(data);
  const { bus, pod, model, train } = data;
  if (first !== undefined || bus === undefined || pod === undefined) {
    return { problem: first?.message ?? '' };
  }
  return { problem: '', parts: { bus, pod, claims: claimsOf([model.source, train], false) } };
}

function claimsOf(
  places: readonly (
    | { readonly persistentVolumeClaim?: { readonly claimName: string } | undefined }
    | undefined
  )[],
  writes: boolean,
): AcceptedParty['claims'] {
  return places.flatMap((place) => {
    const claimName = place?.persistentVolumeClaim?.claimName;
    return claimName === undefined ? [] : [{ claimName, writes }];
  });
}

function wordsOf(error: z.ZodError | undefined): string {
  const [issue] = error?.issues ?? [];
  return issue === undefined ? '' : `spec.${issue.path.join('.')} ${issue.message}`;
}
