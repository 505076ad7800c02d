// Adding and removing our finalizer, as JSON patches that test what they stand on: the UID, and the
// version or the place in the list.
import type { KubeClient, PatchStep } from './client.ts';
import type { KubeObject, Resource } from './resource.ts';

/** Of the version that we know: what somebody changed meanwhile makes it a conflict. */
export async function addFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  name: string,
  signal: AbortSignal,
): Promise<T> {
  const { metadata } = object;
  const { finalizers, resourceVersion } = metadata;
  if (finalizers.includes(name)) return object;
  const steps: readonly PatchStep[] = [
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    finalizers.length > 0
      ? { op: 'add', path: '/metadata/finalizers/-', value: name }
      : { op: 'add', path: '/metadata/finalizers', value: [name] },
  ];
  return await client.patch(resource, metadata, steps, signal);
}

export async function removeFinalizer<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  { metadata }: T,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const index = metadata.finalizers.indexOf(name);
  if (index < 0) return;
  const path = `/metadata/finalizers/${index}`;
  const steps: readonly PatchStep[] = [
    { op: 'test', path, value: name },
    { op: 'remove', path },
  ];
  await client.patch(resource, metadata, steps, signal);
}
