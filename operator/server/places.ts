// Where the adapters of a server lie in its pods, as far as the spec and the Adapters that it names
// tell. Pure.
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import type { BucketPlace } from '../../crds/api/source.ts';
import type { AdapterList } from '../../crds/serve/adapter-list.ts';
import { folderOfClaim } from '../objects/volumes.ts';
import type { ObservedAdapter } from './observed.ts';

export interface Places {
  readonly listed: AdapterList['adapters'];
  /** What cannot be served, with a sentence. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
  /** Claims to mount, sorted. */
  readonly claims: readonly string[];
  /** Buckets to read, by what their pods need to be told; credentials are those of Secrets. */
  readonly buckets: readonly BucketPlace[];
}

type Place =
  | { readonly type: 'Claim'; readonly claimName: string; readonly path: string }
  | { readonly type: 'Bucket'; readonly s3: BucketPlace };

/** Forms that pods can load; vLLM takes one rank for all layers, which the second one has. */
const served = ['PEFTAdapter', 'UniformPEFTAdapter'];
const wanted = { Anneal: served, VLLM: served.toReversed() } as const;
const claimUri = /^pvc:\/\/([a-z0-9][-a-z0-9.]*)\/(.+)$/;

/** `find` gives the Adapter of that name in the namespace. */
export function placesOf(
  spec: Pick<ServerSpec, 'adapters' | 'model' | 'engine'>,
  find: (name: string) => ObservedAdapter | undefined,
): Places {
  const found = spec.adapters.map((one) => ({ name: one.name, place: placeOf(one, find, spec) }));
  const places = found.flatMap(({ name, place }) =>
    typeof place === 'string' ? [] : [{ name, place }],
  );
  return {
    listed: places.map(({ name, place }) =>
      place.type === 'Bucket'
        ? { name, s3: place.s3 }
        : { name, folder: `${folderOfClaim(place.claimName)}/${place.path}` },
    ),
    refused: found.flatMap(({ name, place }) =>
      typeof place === 'string' ? [{ name, reason: place }] : [],
    ),
    claims: [
      ...new Set(places.flatMap(({ place }) => (place.type === 'Claim' ? [place.claimName] : []))),
    ].sort(),
    buckets: places.flatMap(({ place }) => (place.type === 'Bucket' ? [place.s3] : [])),
  };
}

function placeOf(
  { persistentVolumeClaim: claim, s3, adapterRef }: ServerSpec['adapters'][number],
  find: (name: string) => ObservedAdapter | undefined,
  spec: Pick<ServerSpec, 'model' | 'engine'>,
): Place | string {
  if (claim !== undefined) return { type: 'Claim', ...claim };
  if (s3 !== undefined) return { type: 'Bucket', s3 };
  return placeOfMade(adapterRef ?? { name: '' }, find, spec);
}

function placeOfMade(
  { name, credentialsSecretRef }: NonNullable<ServerSpec['adapters'][number]['adapterRef']>,
  find: (name: string) => ObservedAdapter | undefined,
  { model: { digest }, engine }: Pick<ServerSpec, 'model' | 'engine'>,
): Place | string {
  const adapter = find(name);
  if (adapter === undefined) return `Adapter ${name} is not there`;
  const { base, forms } = adapter.spec;
  if (digest !== undefined && base.digest !== digest) {
    return `Adapter ${name} was trained on the base ${base.digest}; the base that is served is ${digest}`;
  }
  const [form] = wanted[engine.type].flatMap((type) => forms.filter((one) => one.type === type));
  if (form === undefined) {
    const has = forms.map(({ type }) => type).join(', ');
    return `Adapter ${name} has the forms ${has}; one of ${served.join(' and ')} is served`;
  }
  const { uri, endpoint, region } = form;
  if (uri.startsWith('s3://')) {
    const service = { ...(endpoint && { endpoint }), ...(region && { region }) };
    const keys = credentialsSecretRef && { credentialsSecretRef };
    return { type: 'Bucket', s3: { uri, ...service, ...keys } };
  }
  const [, claimName, path] = claimUri.exec(uri) ?? [];
  if (claimName === undefined || path === undefined || path.split('/').includes('..')) {
    return `Adapter ${name} lies at ${form.uri}; adapters on claims and in buckets are served`;
  }
  return { type: 'Claim', claimName, path };
}
