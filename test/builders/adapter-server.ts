// Servers as the API server keeps them, from the smallest one and changes to its spec.
import { type ServerSpec, serverSpec } from '../../crds/api/adapter-server.ts';
import { apiVersion, serverNames } from '../../crds/names/group.ts';
import type { BuiltServer } from '../../operator/server/built-server.ts';
import type { ObservedAdapter, ServingPod } from '../../operator/server/observed.ts';
import type { Places } from '../../operator/server/places.ts';

type SpecChanges = Readonly<Record<string, unknown>>;

export const serverUid = '0123abcd-0000-4000-8000-000000000000';

export function claimed(name: string, claimName = 'results') {
  return { name, persistentVolumeClaim: { claimName, path: `${name}/adapter` } };
}

export const vllm = { type: 'VLLM', vllm: { image: 'example.com/vllm:1' } } as const;

/** As a person writes it. */
export function writtenServer(changes: SpecChanges = {}) {
  return {
    ...{ apiVersion, kind: serverNames.kind, metadata: { name: 'answers', namespace: 'team' } },
    spec: {
      model: { source: { huggingFace: { repository: 'owner/base' } } },
      adapters: [claimed('first')],
      ...changes,
    },
  };
}

export function aServerSpec(changes: SpecChanges = {}): ServerSpec {
  return serverSpec.parse(writtenServer(changes).spec);
}

export function aBuiltServer(changes: SpecChanges = {}, places?: Places): BuiltServer {
  const spec = aServerSpec(changes);
  return {
    ...{ name: 'answers', namespace: 'team', uid: serverUid, spec },
    places: places ?? { listed: [], refused: [], claims: ['results'], buckets: [] },
    planned: undefined,
  };
}

const meta = { resourceVersion: '1', creationTimestamp: '', annotations: {}, finalizers: [] };

export function metaFor(name: string, more: object = {}) {
  return { ...meta, name, namespace: 'team', uid: `uid-${name}`, labels: {}, ...more };
}

export function anAdapter(name: string, uri: string, changes: object = {}): ObservedAdapter {
  return {
    metadata: metaFor(name),
    spec: { base: { digest: 'sha256:1' }, forms: [{ type: 'PEFTAdapter', uri }], ...changes },
  };
}

export function aPod(name: string, { ready = true, ...status }: PodChanges = {}): ServingPod {
  const is = ready ? 'True' : 'False';
  return {
    metadata: metaFor(name),
    status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: is }], ...status },
  };
}

type PodChanges = { readonly ready?: boolean } & Partial<ServingPod['status']>;
