import test from 'ava';
import { isAlreadyExists, isStatus } from '../../../operator/runtime/api-error.ts';
import { aClient, aThing, things, thingsAt } from '../../builders/kube-client.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;
const at = { namespace: 'team', name: 'a' };

test('a manifest is applied under a manager, and its status under another', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  const { metadata } = await client.create(things, aThing('a'), never);
  const own = { ...at, uid: metadata.uid };
  await client.apply(things, { metadata: own, spec: { size: 1 } }, { manager: 'm' }, never);
  const status = { metadata: own, status: { phase: 'Fine' } };
  await client.apply(things, status, { manager: 's', subresource: 'status' }, never);
  const [, first, second] = server.seen;
  t.is(first?.path, '/apis/example.com/v1/namespaces/team/things/a');
  t.is(first?.contentType, 'application/apply-patch+yaml');
  t.is(first?.query.get('fieldManager'), 'm');
  t.is(first?.query.get('force'), 'true');
  t.deepEqual([first?.body?.['apiVersion'], first?.body?.['kind']], ['example.com/v1', 'Thing']);
  t.is(second?.path, '/apis/example.com/v1/namespaces/team/things/a/status');
  const object = server.objects.get({ ...thingsAt, name: 'a' });
  t.deepEqual([object['spec'], object['status']], [{ size: 1 }, { phase: 'Fine' }]);
});

test('a manifest is applied to the object that was meant, and to no other of its name', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  const own = { metadata: { ...at, uid: 'ours' }, spec: { size: 1 } };
  const refused = () => t.throwsAsync(client.apply(things, own, { manager: 'm' }, never));
  t.true(isStatus(await refused(), 409), 'none is there: none is made');
  await client.create(things, aThing('a', { size: 7 }), never);
  t.true(isStatus(await refused(), 409));
  t.deepEqual(server.objects.get({ ...thingsAt, name: 'a' })['spec'], { size: 7 });
});

test('creating what exists is told apart from a conflict', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  await client.create(things, aThing('a'), never);
  const error = await t.throwsAsync(client.create(things, aThing('a'), never));
  t.true(isAlreadyExists(error));
});

test('patches and deletes reach only the object with the UID that was meant', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  const made = await client.create(things, aThing('a', { size: 1 }), never);
  const { uid } = made.metadata;
  const grow = [{ op: 'replace', path: '/spec/size', value: 2 }] as const;
  await t.throwsAsync(client.patch(things, { ...at, uid: 'other' }, grow, never));
  const patched = await client.patch(things, { ...at, uid }, grow, never);
  t.deepEqual(patched.spec, { size: 2 });
  const wrong = await t.throwsAsync(client.delete(things, { ...at, uid: 'other' }, {}, never));
  t.true(isStatus(wrong, 409));
  await client.delete(things, { ...at, uid }, { propagation: 'Background' }, never);
  t.true(isStatus(await t.throwsAsync(client.get(things, at, never)), 404));
});
