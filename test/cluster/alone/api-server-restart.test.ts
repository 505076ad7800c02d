// The API server dies and comes back. In a file of its own, because it takes every other test of
// the cluster with it.
import { configMaps } from '../../../operator/job/observed/child-object.ts';
import { eventually } from '../../doubles/eventually.ts';
import { aNamespace, clientOf, kubectl, never } from '../access.ts';
import { partOf } from '../control-plane.ts';
import { aMap, follow, soon } from '../following.ts';
import { test } from '../our-cluster.ts';

test('an API server that is killed and comes back is followed again, without a loss', async (t) => {
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  await client.create(configMaps, aMap(namespace, 'before'), never);
  const { names, causes } = await follow(t, client, namespace);
  const server = await partOf('kube-apiserver');
  server.kill();
  await eventually('the loss is noticed', () => causes().length > 0, soon);
  await server.restart();
  await eventually(
    'the server is back',
    async () => {
      const ready = await kubectl(['get', '--raw=/readyz'], { mayFail: true });
      return !ready.failed;
    },
    { withinMs: 120_000, everyMs: 500 },
  );
  await eventually(
    'the next object is seen',
    async () => {
      await client.create(configMaps, aMap(namespace, 'after'), never).catch(() => undefined);
      return names().includes('after');
    },
    { withinMs: 120_000, everyMs: 500 },
  );
  t.deepEqual(names(), ['after', 'before']);
});
