// A list that is too long for one answer. In a file of its own: making the objects takes the whole machine.
import test from 'ava';
import { configMaps } from '../../operator/job/observed/child-object.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, clientOf, kubectl, never } from './access.ts';
import { aMap, follow, soon } from './following.ts';

test('ten thousand objects come in pages, and a change of one is seen', async (t) => {
  t.timeout(900_000, 'ten thousand objects are made on a slow machine');
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  const count = 10_000;
  const todo = Array.from({ length: count }, (_, index) => aMap(namespace, `m${index}`));
  const create = async () => {
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      await client.create(configMaps, next, never);
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
  const began = performance.now();
  const { store, names } = await follow(t, client, namespace);
  t.log(`listed ${count} objects in ${Math.round(performance.now() - began)} ms`);
  t.is(store.size, count);
  await client.create(configMaps, aMap(namespace, 'late'), never);
  await eventually('the new one is seen', () => store.size === count + 1, soon);
  t.true(names().includes('late'));
  await kubectl(
    ['-n', namespace, 'delete', 'configmap', '-l', 'of=test', '--wait=false', '--now'],
    { mayFail: true },
  );
});
