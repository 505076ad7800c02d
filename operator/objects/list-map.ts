// Writes the list that a pod follows while it runs: ConfigMaps are not read.
import { configMaps } from '../job/observed/child-object.ts';
import { isStatus } from '../runtime/api-error.ts';
import type { Manifest } from '../runtime/client.ts';
import { type Actor, refused, taken } from '../runtime/ensure.ts';

/**
 * The content is replaced where the first owner of the map is the actor, which the API server
 * checks.
 */
export async function ensureList(
  { client, owner, what }: Actor,
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
    if (isStatus(error, 422)) throw taken(what, 'ConfigMap', manifest, error);
    if (!isStatus(error, 404)) throw refused('ConfigMap', manifest, error);
    await client.create(configMaps, manifest, signal).catch((cause: unknown) => {
      throw refused('ConfigMap', manifest, cause);
    });
  }
}
