import { fieldManager } from '../../crds/names/labels.ts';
import { isStatus } from './api-error.ts';
import type { KubeClient } from './client.ts';
import type { KubeObject, Resource } from './resource.ts';

/** Under the version that was decided on; undefined where that is past. */
export async function writeStatus<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { metadata }: KubeObject,
  status: object,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { name, namespace, uid, resourceVersion } = metadata;
  const manifest = { metadata: { name, namespace, uid, resourceVersion }, status };
  const options = { manager: fieldManager.controller, subresource: 'status' };
  try {
    return await client.apply(resource, manifest, options, signal);
  } catch (error) {
    if (isStatus(error, 409) || isStatus(error, 404)) return undefined;
    throw error;
  }
}

/**
 * Whether it is the version that was decided on, where no write of a status has told: whoever leads
 * no longer may not know.
 */
export async function isNewest<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { metadata }: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const now = await client.get(resource, metadata, signal);
    return now.metadata.resourceVersion === metadata.resourceVersion;
  } catch (error) {
    if (isStatus(error, 404)) return false;
    throw error;
  }
}
