// The verbs that the operator uses, for any resource. What is there is only written to by its UID:
// a write can never hit another object of the same name, and never makes somebody else's object
// ours.
import * as z from 'zod';
import { apiVersionOf, pathOf, type Resource } from './resource.ts';
import type { KubeTransport } from './transport.ts';

interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Where the next page begins; absent on the last. */
  readonly next: string | undefined;
}

export interface Selection {
  /** All namespaces when absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface Address {
  readonly namespace: string;
  readonly name: string;
}

/** What we send: complete enough for the API server, nothing that we do not own. */
export type Manifest = { readonly metadata: Address & Record<string, unknown> } & Record<
  string,
  unknown
>;

/** Of an object that is there. */
export type OwnManifest = Manifest & { readonly metadata: { readonly uid: string } };

export type PatchStep =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

const list = z.object({
  metadata: z.object({ resourceVersion: z.string().default(''), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

export class KubeClient {
  readonly transport: KubeTransport;

  constructor(transport: KubeTransport) {
    this.transport = transport;
  }

  async get<T>(resource: Resource<T>, at: Address, signal: AbortSignal): Promise<T> {
    return resource.read(
      await this.transport.send({ verb: 'GET', path: pathOf(resource, at) }, signal),
    );
  }

  /** One page; `from` is the `next` of the page before. */
  async page<T>(
    resource: Resource<T>,
    { namespace, labelSelector }: Selection,
    { limit, from }: { readonly limit: number; readonly from: string | undefined },
    signal: AbortSignal,
  ): Promise<ListPage<T>> {
    const query = { limit, continue: from, labelSelector };
    const path = pathOf(resource, { namespace });
    const raw = list.parse(await this.transport.send({ verb: 'GET', path, query }, signal));
    return {
      items: (raw.items ?? []).map((item) => resource.read(item)),
      resourceVersion: raw.metadata.resourceVersion,
      next: raw.metadata.continue || undefined,
    };
  }

  async create<T>(resource: Resource<T>, manifest: Manifest, signal: AbortSignal): Promise<T> {
    const { namespace } = manifest.metadata;
    const body = { ...typeOf(resource), ...manifest };
    const path = pathOf(resource, { namespace });
    return resource.read(await this.transport.send({ verb: 'POST', path, body }, signal));
  }

  /**
   * Server-side apply to the object with this UID; 409 where another one, or none, has the name.
   * Fields that another manager set are taken over, so the object must be known to be ours.
   */
  async apply<T>(
    resource: Resource<T>,
    manifest: OwnManifest,
    options: { readonly manager: string; readonly subresource?: string },
    signal: AbortSignal,
  ): Promise<T> {
    const { manager, subresource } = options;
    const { namespace, name } = manifest.metadata;
    const raw = await this.transport.send(
      {
        verb: 'PATCH',
        path: pathOf(resource, { namespace, name, subresource }),
        query: { fieldManager: manager, force: true },
        body: { ...typeOf(resource), ...manifest },
        contentType: 'application/apply-patch+yaml',
      },
      signal,
    );
    return resource.read(raw);
  }

  /** Narrow changes, only to the object with this UID. */
  async patch<T>(
    resource: Resource<T>,
    at: Address & { readonly uid: string; readonly subresource?: string },
    steps: readonly PatchStep[],
    signal: AbortSignal,
  ): Promise<T> {
    const body = [{ op: 'test', path: '/metadata/uid', value: at.uid }, ...steps];
    const path = pathOf(resource, at);
    const contentType = 'application/json-patch+json';
    return resource.read(
      await this.transport.send({ verb: 'PATCH', path, body, contentType }, signal),
    );
  }

  /** Deletes the object with this UID. */
  async delete(
    resource: Resource<unknown>,
    at: Address & { readonly uid: string },
    options: { readonly propagation?: Propagation; readonly graceSeconds?: number },
    signal: AbortSignal,
  ): Promise<void> {
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid: at.uid },
      propagationPolicy: options.propagation,
      gracePeriodSeconds: options.graceSeconds,
    };
    await this.transport.send({ verb: 'DELETE', path: pathOf(resource, at), body }, signal);
  }
}

function typeOf(resource: Resource<unknown>) {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind };
}
