// Writes an object that belongs to another one. It is only written to where its owner controls it:
// one of the same name that is somebody else's stays as it is, and the owner says so.
import { annotation } from '../../crds/names/labels.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { isAlreadyExists, isStatus } from './api-error.ts';
import type { KubeClient, Manifest } from './client.ts';
import { RefusedCall, refusalOf } from './refused-call.ts';
import type { KubeObject, Resource } from './resource.ts';

export interface Actor {
  readonly client: KubeClient;
  readonly manager: string;
  /** UID of the owner. */
  readonly owner: string;
  /** What it is, for sentences: `server`. */
  readonly what: string;
}

async function ensure<T extends KubeObject>(
  actor: Actor,
  resource: Resource<T>,
  manifest: Manifest,
  known: KubeObject | undefined,
  signal: AbortSignal,
): Promise<T> {
  const { client, manager } = actor;
  const applied = (uid: string) => {
    const own = { ...manifest, metadata: { ...manifest.metadata, uid } };
    return client.apply(resource, own, { manager }, signal);
  };
  try {
    if (known !== undefined) return await applied(known.metadata.uid);
    return await client.create(resource, manifest, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw refused(resource.kind, manifest, error);
    const found = await ownOf(actor, resource, manifest, error, signal);
    return applied(found.metadata.uid);
  }
}

/** Creates what does not change once it is there. */
export async function ensureMade<T extends KubeObject>(
  actor: Actor,
  resource: Resource<T>,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await actor.client.create(resource, manifest, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw refused(resource.kind, manifest, error);
    return await ownOf(actor, resource, manifest, error, signal);
  }
}

async function ownOf<T extends KubeObject>(
  actor: Actor,
  resource: Resource<T>,
  manifest: Manifest,
  cause: unknown,
  signal: AbortSignal,
): Promise<T> {
  const found = await actor.client.get(resource, manifest.metadata, signal);
  if (found.metadata.controlledBy !== actor.owner) {
    throw taken(actor.what, resource.kind, manifest, cause);
  }
  return found;
}

/**
 * Removes it after what it owns, so that its pods end before a successor is made. What is gone, or
 * another object by now, is left alone.
 */
export async function removeAfterChildren<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { metadata: { name, namespace, uid } }: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  const at = { name, namespace, uid };
  await client
    .delete(resource, at, { propagation: 'Foreground' }, signal)
    .catch((error: unknown) => {
      if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
    });
}

export function taken(
  what: string,
  kind: string,
  { metadata }: Manifest,
  cause: unknown,
): RefusedCall {
  const message = `${kind} ${metadata.name} belongs to someone else; the ${what} needs the name for a child of its own`;
  return new RefusedCall('NameConflict', { message, cause });
}

export function refused(kind: string, { metadata }: Manifest, error: unknown): unknown {
  const object = `${kind} ${metadata.name}`;
  return refusalOf(error, { action: `writing ${object}`, object });
}

/**
 * Creates or applies the object where its content is another one; undefined where it is what is
 * known: the owner's own, as the informers have it.
 */
export async function ensureContent<T extends KubeObject>(
  actor: Actor,
  resource: Resource<T>,
  manifest: Manifest,
  known: KubeObject | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  const marked = withContent(manifest);
  const { content } = annotation;
  if (known?.metadata.annotations[content] === marked.metadata.annotations[content]) {
    return undefined;
  }
  return await ensure(actor, resource, marked, known, signal);
}

/** With the digest of what is written, by which a change is found. */
function withContent(manifest: Manifest) {
  const annotations: Readonly<Record<string, string>> = {
    [annotation.content]: digestOf(manifest),
  };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}
