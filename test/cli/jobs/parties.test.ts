// Federations of a cluster, from an API server that a test plays.
import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import { listParties } from '../../../cli/jobs/parties.ts';
import { listen } from '../../doubles/http-server.ts';

const never = new AbortController().signal;

async function listed(answers: Readonly<Record<string, readonly [number, object]>>) {
  await using server = await listen((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const [status, body] = answers[path] ?? [404, { reason: 'NotFound' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const access = { server: server.origin, contextName: 'test', authorize: async () => ({}) };
  await using kube = new Kube(access as never, 5_000);
  return await listParties(kube, 'team', never);
}

const root = '/apis/anneal.dev/v1alpha1/namespaces/team';
const meta = { namespace: 'team', generation: 3 };

test('hubs and clients, the newest first', async (t) => {
  const hub = { metadata: { name: 'clinics', creationTimestamp: '2026-01-01T00:00:00Z', ...meta } };
  const peer = { metadata: { name: 'north', creationTimestamp: '2026-01-02T00:00:00Z', ...meta } };
  const spec = { federation: 'clinics' };
  const found = await listed({
    [`${root}/federations`]: [200, { metadata: {}, items: [{ ...hub, spec: {} }] }],
    [`${root}/federationpeers`]: [200, { metadata: {}, items: [{ ...peer, spec }] }],
  });
  t.like(found[0], { kind: 'FederationPeer', name: 'north', federation: 'clinics', generation: 3 });
  t.like(found[1], { kind: 'Federation', name: 'clinics', status: {} });
});

test('a cluster without the kinds, or that does not show them, has none', async (t) => {
  t.deepEqual(await listed({}), []);
  t.deepEqual(await listed({ [`${root}/federations`]: [403, { reason: 'Forbidden' }] }), []);
});

test('an API server that fails is no empty list', async (t) => {
  const broken = { [`${root}/federations`]: [500, { message: 'no' }] } as const;
  await t.throwsAsync(listed(broken));
});
