// Where the adapters of a server lie in its pods, as far as the spec and the Adapters that it names
// tell. Pure.
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import type { AdapterList } from '../../crds/serve/adapter-list.ts';
import { folderOfClaim } from '../objects/volumes.ts';
import type { ObservedAdapter } from './observed.ts';

export interface Places {
  readonly listed: AdapterList['adapters'];
  /** What cannot be served, with a sentence. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
  /** Claims to mount, sorted. */
  readonly claims: readonly string[];
}

interface Place {
  readonly claimName: string;
  readonly path: string;
}

/** Forms that pods can load; vLLM takes one rank for all layers, which the second one has. */
const served = ['PEFTAdapter', 'UniformPEFTAdapter'];
const wanted = { Anneal: served, VLLM: served.toReversed() } as const;
const claimUri = /^pvc:\/\/([a-z0-9][-a-z0-9.]*)\/(.+)$/;

/** `find` gives the Adapter of that name in the namespace. */
export function placesOf(
  spec: Pick<ServerSpec, 'adapters' | 'model' | 'engine'>,
  find: (name: string) => ObservedAdapter | undefined,
): Places {
  const found = spec.adapters.map((one) => {
    const claim = one.persistentVolumeClaim;
    const place = claim ?? placeOf(one.adapterRef?.name ?? '', find, spec);
    return { name: one.name, place };
  });
  const places = found.flatMap(({ name, place }) =>
    typeof place === 'string' ? [] : [{ name, place }],
  );
  return {
    listed: places.map(({ name, place: { claimName, path } }) => ({
      name,
      folder: `${folderOfClaim(claimName)}/${path}`,
    })),
    refused: found.flatMap(({ name, place }) =>
      typeof place === 'string' ? [{ name, reason: place }] : [],
    ),
    claims: [...new Set(places.map(({ place }) => place.claimName))].sort(),
  };
}

function placeOf(
  name: string,
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
  const [, claimName, path] = claimUri.exec(form.uri) ?? [];
  if (claimName === undefined || path === undefined || path.split('/').includes('..')) {
    return `Adapter ${name} lies at ${form.uri}; this version serves adapters that lie on claims`;
  }
  return { claimName, path };
}
