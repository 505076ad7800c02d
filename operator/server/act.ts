// Writes the objects of a server. An object is only written to where the server controls it: one of
// the same name that is somebody else's stays as it is, and the server says so.

import { configMaps } from '../job/observed/child-object.ts';
import { isAlreadyExists, isStatus } from '../runtime/api-error.ts';
import type { KubeClient, Manifest } from '../runtime/client.ts';
import { RefusedCall, refusalOf } from '../runtime/refused-call.ts';
import type { KubeObject, Resource } from '../runtime/resource.ts';

interface Actor {
  readonly client: KubeClient;
  readonly manager: string;
  /** UID of the server. */
  readonly owner: string;
}

/** Creates or applies the object; `known` is the server's own, as the informers have it. */
export async function ensure<T extends KubeObject>(
  { client, manager, owner }: Actor,
  resource: Resource<T>,
  manifest: Manifest,
  known: KubeObject | undefined,
  signal: AbortSignal,
): Promise<T> {
  const applied = (uid: string) => {
    const own = { ...manifest, metadata: { ...manifest.metadata, uid } };
    return client.apply(resource, own, { manager }, signal);
  };
  try {
    if (known !== undefined) return await applied(known.metadata.uid);
    return await client.create(resource, manifest, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw refused(resource.kind, manifest, error);
    const found = await client.get(resource, manifest.metadata, signal);
    if (found.metadata.controlledBy !== owner) throw taken(resource.kind, manifest, error);
    return applied(found.metadata.uid);
  }
}

/**
 * ConfigMaps are not read: the content is replaced where the first owner of the map is the server,
 * which the API server checks.
 */
export async function ensureList(
  { client, owner }: Actor,
  manifest: Manifest & { readonly data: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = manifest.metadata;
  const body = [
    { op: 'test', path: '/metadata/ownerReferences/0/uid', value: owner },
    { op: 'replace', path: '/data', value: manifest.data },
  ];
  const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  try {
    const contentType = 'application/json-patch+json';
    await client.transport.send({ verb: 'PATCH', path, body, contentType }, signal);
  } catch (error) {
    // The API server says 422 where a test of a patch does not hold.
    if (isStatus(error, 422)) throw taken('ConfigMap', manifest, error);
    if (!isStatus(error, 404)) throw refused('ConfigMap', manifest, error);
    await client.create(configMaps, manifest, signal).catch((cause: unknown) => {
      throw refused('ConfigMap', manifest, cause);
    });
  }
}

function taken(kind: string, { metadata }: Manifest, cause: unknown): RefusedCall {
  const message = `${kind} ${metadata.name} belongs to someone else; the server needs the name for a child of its own`;
  return new RefusedCall('NameConflict', { message, cause });
}

function refused(kind: string, { metadata }: Manifest, error: unknown): unknown {
  const object = `${kind} ${metadata.name}`;
  return refusalOf(error, { action: `writing ${object}`, object });
}
