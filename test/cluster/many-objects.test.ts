// A list that is too long for one answer. In a file of its own: making the objects takes the whole
// machine.
import { randomUUID } from 'node:crypto';
import test from 'ava';
import { configMaps } from '../../operator/job/observed/child-object.ts';
import type { KubeClient } from '../../operator/runtime/client.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, clientOf, never } from './access.ts';
import { isOurs } from './control-plane.ts';
import { aMap, follow, soon } from './following.ts';
import { deleteObjects, putObjects } from './object-store.ts';

test('ten thousand objects come in pages, and a change of one is seen', async (t) => {
  t.timeout(900_000, 'ten thousand objects are made on a slow machine');
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  const count = 10_000;
  const maps = Array.from({ length: count }, (_, index) => aMap(namespace, `m${index}`));
  if (isOurs) {
    t.teardown(() => deleteObjects('configmaps', namespace));
    await putObjects('configmaps', maps.map(asStored));
  } else await createAll(client, maps);
  const began = performance.now();
  const { store, names } = await follow(t, client, namespace);
  t.log(`listed ${count} objects in ${Math.round(performance.now() - began)} ms`);
  t.is(store.size, count);
  await client.create(configMaps, aMap(namespace, 'late'), never);
  await eventually('the new one is seen', () => store.size === count + 1, soon);
  t.true(names().includes('late'));
});

type WrittenMap = ReturnType<typeof aMap>;

/** With what the API server adds to an object before it stores it. */
function asStored(map: WrittenMap) {
  const creationTimestamp = new Date().toISOString().replace(/\.\d+/, '');
  const metadata = { ...map.metadata, uid: randomUUID(), creationTimestamp };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata };
}

async function createAll(client: KubeClient, maps: readonly WrittenMap[]): Promise<void> {
  const todo = [...maps];
  const create = async () => {
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      await client.create(configMaps, next, never);
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
}
