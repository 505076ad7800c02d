// Which servers a change puts in line.
import test from 'ava';
import { KubeClient } from '../../../operator/runtime/client.ts';
import { serverInformers } from '../../../operator/server/informers.ts';
import { anAdapter, aPod, aServerSpec, metaFor } from '../../builders/adapter-server.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { KubeObjects } from '../../doubles/kube/objects.ts';
import { MemoryTransport } from '../../doubles/simulation/memory-transport.ts';

function following() {
  const woken: string[] = [];
  const client = new KubeClient(new MemoryTransport(new KubeObjects()));
  const { stores } = serverInformers({
    connection: { client, clock: new FakeClock(), random: () => 0 },
    ...{ namespaces: undefined, tell: () => {}, changed: (key) => void woken.push(key) },
  });
  const server = (name: string, namespace: string, adapter: string) => {
    const spec = aServerSpec({ adapters: [{ name: 'a', adapterRef: { name: adapter } }] });
    const metadata = metaFor(name, { namespace });
    stores.servers.put({ metadata, generation: 1, spec, problem: '', status: {} });
  };
  return { woken, stores, server };
}

test('an Adapter that comes or goes wakes the servers of its namespace that name it', (t) => {
  const { woken, stores, server } = following();
  server('names', 'team', 'made');
  server('names-another', 'team', 'other');
  server('elsewhere', 'others', 'made');
  woken.length = 0;
  const adapter = anAdapter('made', 'pvc://a/b');
  stores.adapters.put(adapter);
  t.deepEqual(woken, ['team/names']);
  stores.adapters.remove(adapter);
  t.deepEqual(woken, ['team/names', 'team/names']);
});

test('a pod wakes the server that its label names', (t) => {
  const { woken, stores } = following();
  const labels = { 'anneal.dev/server-name': 'answers', 'anneal.dev/server-uid': 'uid' };
  const pod = aPod('answers-1');
  stores.pods.put({ ...pod, metadata: { ...pod.metadata, labels } });
  t.deepEqual(woken, ['team/answers']);
  t.deepEqual(
    stores.pods.by('server', 'uid').map(({ metadata }) => metadata.name),
    ['answers-1'],
  );
});
