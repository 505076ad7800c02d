import test, { type ExecutionContext } from 'ava';
import { isPast } from '../../../operator/runtime/api-error.ts';
import { addFinalizer, removeFinalizer } from '../../../operator/runtime/finalizers.ts';
import { aClient, aThing, things, thingsAt } from '../../builders/kube-client.ts';
import { metaOf } from '../../doubles/kube/objects.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;
const ours = 'example.com/ours';

async function fixture(t: ExecutionContext, finalizers?: readonly string[]) {
  const server = await KubeServer.start();
  const client = aClient(server.origin);
  t.teardown(async () => {
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const thing = aThing('a');
  const metadata = finalizers === undefined ? thing.metadata : { ...thing.metadata, finalizers };
  const object = things.read(server.objects.create(thingsAt, { ...thing, metadata }));
  const at = { ...thingsAt, name: 'a' };
  return { server, client, object, now: () => metaOf(server.objects.get(at))['finalizers'] };
}

test('the first finalizer and a further one are added', async (t) => {
  const bare = await fixture(t);
  await addFinalizer(bare.client, things, bare.object, ours, never);
  t.deepEqual(bare.now(), [ours]);
  const other = await fixture(t, ['x']);
  await addFinalizer(other.client, things, other.object, ours, never);
  t.deepEqual(other.now(), ['x', ours]);
});

test('adding from a stale copy is refused, and does not remove what somebody else added', async (t) => {
  for (const others of [undefined, ['y']]) {
    const { client, server, object, now } = await fixture(t, others);
    server.objects.mergePatch({ ...thingsAt, name: 'a' }, { metadata: { finalizers: ['x'] } });
    const error = await t.throwsAsync(addFinalizer(client, things, object, ours, never));
    t.true(isPast(error));
    t.deepEqual(now(), ['x']);
  }
});

test('removing takes ours and only ours, also from a stale copy', async (t) => {
  const { client, server, object, now } = await fixture(t, ['x', ours]);
  const at = { ...thingsAt, name: 'a' };
  server.objects.mergePatch(at, { metadata: { finalizers: ['y', 'x', ours] } });
  await t.throwsAsync(removeFinalizer(client, things, object, ours, never));
  await removeFinalizer(client, things, things.read(server.objects.get(at)), ours, never);
  t.deepEqual(now(), ['y', 'x']);
});

test('an object that has it, or lacks it, is left alone', async (t) => {
  const { client, server, object } = await fixture(t, [ours]);
  await addFinalizer(client, things, object, ours, never);
  await removeFinalizer(client, things, object, 'example.com/absent', never);
  t.is(server.seen.length, 0);
});
