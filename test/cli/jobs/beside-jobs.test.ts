// Federations and servers of a cluster, from an API server that a test plays.
import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import { listBesideJobs, watchBesideJobs } from '../../../cli/jobs/beside-jobs.ts';
import { aToldPool } from '../../builders/told-pool.ts';
import { aToldServer } from '../../builders/told-server.ts';
import { listen } from '../../doubles/http-server.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const never = new AbortController().signal;

async function listed(answers: Readonly<Record<string, readonly [number, object]>>) {
  await using server = await listen((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const [status, body] = answers[path] ?? [404, { reason: 'NotFound' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const access = { server: server.origin, contextName: 'test', authorize: async () => ({}) };
  await using kube = new Kube(access as never, 5_000);
  return await listBesideJobs(kube, 'team', never);
}

const root = '/apis/anneal.dev/v1alpha1/namespaces/team';
const meta = { namespace: 'team', generation: 3 };
const none = { parties: [], pools: [], servers: [] };

test('hubs, clients, pools and servers, the newest first', async (t) => {
  const at = (day: number) => ({ creationTimestamp: `2026-01-0${day}T00:00:00Z` });
  const hub = { metadata: { name: 'clinics', ...at(1), ...meta } };
  const peer = { metadata: { name: 'north', ...at(2), ...meta } };
  const older = aToldServer('older', { metadata: at(1) });
  const newer = aToldServer('newer', { metadata: at(2) });
  const { parties, pools, servers } = await listed({
    [`${root}/trainingpools`]: [200, { metadata: {}, items: [aToldPool('smol')] }],
    [`${root}/federations`]: [200, { metadata: {}, items: [{ ...hub, spec: {} }] }],
    [`${root}/federationpeers`]: [200, { metadata: {}, items: [{ ...peer, spec: {} }] }],
    [`${root}/adapterservers`]: [200, { metadata: {}, items: [older, newer] }],
  });
  t.like(parties[0], { kind: 'FederationPeer', name: 'north', generation: 3 });
  t.like(parties[1], { kind: 'Federation', name: 'clinics', status: {} });
  t.like(pools, [{ kind: 'TrainingPool', name: 'smol', status: { summary: '2/2' } }]);
  t.deepEqual(
    servers.map(({ name }) => name),
    ['newer', 'older'],
  );
});

test('a cluster without the kinds, or that does not show them, has none', async (t) => {
  t.deepEqual(await listed({}), none);
  for (const plural of ['federations', 'trainingpools', 'adapterservers']) {
    t.deepEqual(await listed({ [`${root}/${plural}`]: [403, { reason: 'Forbidden' }] }), none);
  }
});

test('an API server that fails is no empty list', async (t) => {
  for (const plural of ['federations', 'trainingpools', 'adapterservers']) {
    await t.throwsAsync(listed({ [`${root}/${plural}`]: [500, { message: 'no' }] }));
  }
});

test('a federation whose status cannot be read hides no other', async (t) => {
  const status = { phase: 'Sleeping', progress: '1/3' };
  const items = [
    { metadata: { name: 'odd', ...meta }, spec: null, status },
    { metadata: { name: 'even', ...meta }, status: { phase: 'Running' } },
  ];
  const { parties } = await listed({ [`${root}/federations`]: [200, { metadata: {}, items }] });
  const odd = parties.find(({ name }) => name === 'odd');
  t.deepEqual(odd?.status, { progress: '1/3' });
  t.regex(odd?.unread?.message ?? '', /^status\.phase is Sleeping; it must be Pending, /);
  t.is(parties.find(({ name }) => name === 'even')?.unread, undefined);
});

const collection = 'apis/anneal.dev/v1alpha1/adapterservers';

async function aWatch() {
  const server = await KubeServer.start();
  const access = { server: server.origin, contextName: 'test', authorize: async () => ({}) };
  const kube = new Kube(access as never, 5_000);
  const stop = new AbortController();
  const changes = watchBesideJobs(kube, 'team', stop.signal);
  return {
    server,
    names: async () => {
      const { value } = await changes.next();
      return value?.servers.map(({ name }: { readonly name: string }) => name);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await changes.return(undefined);
      await kube[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('all are told at first, and again when one comes, changes or goes', async (t) => {
  await using watch = await aWatch();
  const { objects } = watch.server;
  const { metadata: _, ...rest } = aToldServer('any');
  const put = (name: string) =>
    objects.create({ collection, namespace: 'team' }, { ...rest, metadata: { name } });
  put('first');
  t.deepEqual(await watch.names(), ['first']);
  put('second');
  t.deepEqual((await watch.names())?.toSorted(), ['first', 'second']);
  objects.delete({ collection, namespace: 'team', name: 'first' }, undefined);
  t.deepEqual(await watch.names(), ['second']);
});

test('a kind that is hidden keeps nothing else from being told', async (t) => {
  await using watch = await aWatch();
  watch.server.intercept = ({ path }) =>
    path.endsWith('/federations') ? { status: 403, body: {} } : undefined;
  t.deepEqual(await watch.names(), []);
});
