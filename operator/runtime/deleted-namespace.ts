// Whether a namespace is being deleted, without a right to read namespaces: what nobody may create
// in there any more is refused with that reason, also where it is only tried.
import { ApiError } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { apiVersionOf, pathOf, type Resource } from './resource.ts';

/** `resource` is one that the caller may create; nothing is created. */
export async function isNamespaceDeleted(
  { transport }: KubeClient,
  resource: Resource<unknown>,
  namespace: string,
  signal: AbortSignal,
): Promise<boolean> {
  const metadata = { name: 'anneal-is-anything-let-in', namespace };
  const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
  const path = pathOf(resource, { namespace });
  try {
    await transport.send({ verb: 'POST', path, query: { dryRun: 'All' }, body }, signal);
    return false;
  } catch (error) {
    // Whatever else is said against it says nothing about the namespace.
    if (error instanceof ApiError) return error.causes.includes('NamespaceTerminating');
    throw error;
  }
}
