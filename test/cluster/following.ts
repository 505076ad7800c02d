// A reflector that follows what tests make in one namespace, and what it saw.

import type { ExecutionContext } from 'ava';
import { systemClock } from '../../crds/clock.ts';
import { configMaps } from '../../operator/job/observed/child-object.ts';
import type { KubeClient } from '../../operator/runtime/client.ts';
import { systemRandom } from '../../operator/runtime/random.ts';
import { Reflector, type ReflectorEvent } from '../../operator/runtime/reflector.ts';
import type { KubeObject, Resource } from '../../operator/runtime/resource.ts';
import { Store } from '../../operator/runtime/store.ts';

export const soon = { withinMs: 60_000, everyMs: 50 };

/** Returns when the reflector has read all there is. */
export async function follow(
  t: ExecutionContext,
  client: KubeClient,
  namespace: string,
  resource: Resource<KubeObject> = configMaps,
) {
  const following = startFollowing(t, client, namespace, resource);
  await following.synced;
  return following;
}

export function startFollowing(
  t: ExecutionContext,
  client: KubeClient,
  namespace: string,
  resource: Resource<KubeObject> = configMaps,
) {
  const store = new Store<KubeObject, never>({ indexes: {} });
  const events: ReflectorEvent[] = [];
  const reflector = new Reflector({
    ...{ client, resource, store, clock: systemClock, random: systemRandom },
    selection: { namespace, labelSelector: 'of=test' },
    tell: (event) => events.push(event),
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  const names = () => [...store.values()].map(({ metadata }) => metadata.name).sort();
  const causes = () => events.flatMap((event) => (event.type === 'Broken' ? [event.cause] : []));
  return { names, causes, store, synced: reflector.synced };
}

export const aMap = (namespace: string, name: string) => ({
  metadata: { name, namespace, labels: { of: 'test' } },
});
