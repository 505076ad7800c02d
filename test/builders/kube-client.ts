// A client of a server on this machine, and the smallest resource for it.
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from '../../crds/clock.ts';
import { KubeClient } from '../../operator/runtime/client.ts';
import { CredentialSource } from '../../operator/runtime/credentials.ts';
import type { KubeObject, ObjectMeta, Resource } from '../../operator/runtime/resource.ts';
import { Transport, type TransportFacts } from '../../operator/runtime/transport.ts';

export function aConfig(origin: string, user: object = {}): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'c', server: origin, skipTLSVerify: true }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
    currentContext: 'x',
  });
  return config;
}

export function aTransport(origin: string, changes: Partial<TransportFacts> = {}): Transport {
  return new Transport({
    credentials: new CredentialSource(aConfig(origin), systemClock),
    clock: systemClock,
    userAgent: 'anneal-test',
    timeoutMs: 5_000,
    connections: 8,
    ...changes,
  });
}

export function aClient(origin: string): KubeClient & AsyncDisposable {
  const transport = aTransport(origin);
  return Object.assign(new KubeClient(transport), {
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  });
}

export interface Thing extends KubeObject {
  readonly spec?: unknown;
}

export const things: Resource<Thing> = {
  group: 'example.com',
  version: 'v1',
  plural: 'things',
  kind: 'Thing',
  read: (raw) => {
    const { metadata, spec } = raw as { metadata: ObjectMeta; spec?: unknown };
    if (typeof metadata.name !== 'string') throw new Error('a thing has no name');
    const defaults = { labels: {}, annotations: {}, finalizers: [] };
    return { metadata: { ...defaults, ...metadata }, ...(spec === undefined ? {} : { spec }) };
  },
};

export const thingsAt = { collection: 'apis/example.com/v1/things', namespace: 'team' } as const;

export function aThing(name: string, spec: unknown = {}) {
  return { metadata: { name, namespace: 'team' }, spec };
}
