import test from 'ava';
import { newestWarning } from '../../../operator/runtime/warnings.ts';
import { aClient } from '../../builders/kube-client.ts';
import { type Answer, KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;
const job = { namespace: 'team', uid: 'u' };

async function asked(answer: Answer) {
  await using server = await KubeServer.start();
  server.intercept = () => answer;
  await using client = aClient(server.origin);
  return { warning: await newestWarning(client, job, never), seen: server.seen };
}

const metadata = { creationTimestamp: '2026-01-01T12:00:00Z' };
const list = (items: readonly object[]): Answer => ({ status: 200, body: { items } });

test('the newest warning about an object is found, however its recorder counts', async (t) => {
  const old = { metadata, reason: 'FailedCreate', note: 'first' };
  const { warning, seen } = await asked(
    list([
      { ...old, deprecatedLastTimestamp: '2026-01-01T12:00:05Z' },
      {
        ...{ metadata, reason: 'FailedCreate', note: 'last', eventTime: '2026-01-01T12:00:01Z' },
        series: { count: 9, lastObservedTime: '2026-01-01T12:00:09.5Z' },
      },
      { ...old, note: 'another', deprecatedLastTimestamp: null, series: null },
    ]),
  );
  const at = Date.parse('2026-01-01T12:00:09.5Z');
  t.deepEqual(warning, { reason: 'FailedCreate', message: 'last', at });
  t.is(seen[0]?.path, '/apis/events.k8s.io/v1/namespaces/team/events');
  t.is(seen[0]?.query.get('fieldSelector'), 'regarding.uid=u,type=Warning');
});

test('no event, and no right to read any, is no warning', async (t) => {
  t.is((await asked(list([]))).warning, undefined);
  const forbidden = { status: 403, body: { kind: 'Status', code: 403 } };
  t.is((await asked(forbidden)).warning, undefined);
});
