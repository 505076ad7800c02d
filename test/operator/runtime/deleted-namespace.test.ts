import test from 'ava';
import { isNamespaceDeleted } from '../../../operator/runtime/deleted-namespace.ts';
import { aClient, things, thingsAt } from '../../builders/kube-client.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;
const refusal = (...reasons: readonly string[]) => ({
  status: 403,
  body: {
    ...{ kind: 'Status', code: 403, reason: 'Forbidden', message: 'no' },
    details: { causes: reasons.map((reason) => ({ reason, field: 'metadata.namespace' })) },
  },
});

test('a namespace that lets something in is not being deleted, and nothing is left in it', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  t.false(await isNamespaceDeleted(client, things, 'team', never));
  t.is(server.seen[0]?.query.get('dryRun'), 'All');
  t.deepEqual(server.objects.all(thingsAt.collection), []);
});

test('a refusal tells it by its cause, and one for another reason does not', async (t) => {
  await using server = await KubeServer.start();
  await using client = aClient(server.origin);
  server.intercept = () => refusal('NamespaceTerminating');
  t.true(await isNamespaceDeleted(client, things, 'team', never));
  for (const other of [refusal(), refusal('FieldValueForbidden'), { ...refusal(), status: 500 }]) {
    server.intercept = () => other;
    t.false(await isNamespaceDeleted(client, things, 'team', never));
  }
});
