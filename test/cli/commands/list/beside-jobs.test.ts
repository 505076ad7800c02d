// `anneal list` and `anneal why` of what a cluster has beside jobs, before a small API server.
import test from 'ava';
import { aToldServer, oneOfEachState } from '../../../builders/told-server.ts';
import { eventually } from '../../../doubles/eventually.ts';
import type { Tree } from '../../../doubles/kube/patches.ts';
import { aCluster } from '../../cluster.ts';

const collection = 'apis/anneal.dev/v1alpha1/adapterservers';

async function aClusterWithServers() {
  const cluster = await aCluster();
  cluster.put('halo', { status: { phase: 'Running' } });
  for (const object of oneOfEachState()) {
    const { metadata, ...rest } = structuredClone(object) as Tree & { metadata: object };
    cluster.server.objects.create(
      { collection, namespace: 'team-a' },
      { ...rest, metadata: { ...metadata, namespace: 'team-a' } },
    );
  }
  return cluster;
}

test('servers stand below the jobs; one that cannot be read is a row and a note', async (t) => {
  await using cluster = await aClusterWithServers();
  const { code, out, err } = await cluster.anneal('list');
  t.is(code, 0, err);
  t.regex(
    out,
    /^NAME .*\nhalo +● Running .*\n\nSERVER +STATE +ADAPTERS +PODS +BASE +AGE +ADDRESS +WHY\n/,
  );
  t.regex(out, /\nserving +● Serving +2\/2 +2\/2 +SmolLM2-135M +\d+d +serving\.team\.svc:8000\n/);
  t.regex(out, /\nunreadable +\? Unreadable +– +– .* NotReadable\n/);
  t.regex(
    err,
    /^note: of unreadable, status\.conditions is none; it must be a list of at most 16 items; the rest is shown\n$/,
  );
});

test('programs get servers beside the jobs, with what their status has', async (t) => {
  await using cluster = await aClusterWithServers();
  const { items, servers } = JSON.parse((await cluster.anneal('list', '-o', 'json')).out);
  t.is(items.length, 1);
  t.is(servers.length, oneOfEachState().length);
  const named = (name: string) => servers.find((one: { name: string }) => one.name === name);
  t.like(named('degraded'), {
    ...{ kind: 'AdapterServer', namespace: 'team-a', state: 'Degraded', base: 'SmolLM2-135M' },
    ...{ summary: '1/2', url: 'http://degraded.team.svc:8000/v1', readyReplicas: 1 },
    adapters: [
      { name: 'first', state: 'Loaded' },
      { name: 'lost', state: 'Refused', message: 'Adapter gone is not there' },
    ],
  });
  t.like(named('unreadable'), { state: 'Unreadable', url: 'http://a' });
  t.regex(named('unreadable').unread, /^status\.conditions/);
});

test('what chooses jobs, and the formats of whole jobs, ask for nothing else', async (t) => {
  await using cluster = await aClusterWithServers();
  for (const words of [
    ['--phase', 'running'],
    ['-o', 'name'],
    ['-o', 'yaml'],
  ]) {
    t.notRegex((await cluster.anneal('list', ...words)).out, /serving/);
  }
  t.false(cluster.server.seen.some(({ path }) => path.endsWith('/adapterservers')));
});

const hidden = [
  ['has no such kind', 404],
  ['does not show them', 403],
] as const;

for (const [what, status] of hidden) {
  test(`a cluster that ${what} shows its jobs as ever`, async (t) => {
    await using cluster = await aClusterWithServers();
    cluster.server.intercept = ({ path }) =>
      path.endsWith('/finetunejobs') ? undefined : { status, body: {} };
    const { code, out, err } = await cluster.anneal('list');
    t.deepEqual([code, err], [0, '']);
    t.regex(out, /^NAME [^\n]*\nhalo +● Running[^\n]*\n$/);
    t.is((await cluster.anneal('why', 'serving')).code, 3);
  });
}

test('why finds a server by its name, with its namespace, and beside a job of that name', async (t) => {
  await using cluster = await aClusterWithServers();
  for (const word of ['degraded', 'team-a/degraded', 'adapterserver/degraded']) {
    const { code, out, err } = await cluster.anneal('why', word);
    t.is(code, 0, err);
    t.regex(out, /^degraded {2}▲ Degraded\n/);
    t.regex(out, /\nAdapter lost is refused: Adapter gone is not there\.\n/);
  }
  cluster.put('degraded', { status: { phase: 'Running' } });
  t.regex((await cluster.anneal('why', 'degraded')).out, /^degraded {2}● Running\n/);
  t.regex((await cluster.anneal('why', 'adapterserver/degraded')).out, /▲ Degraded\n/);
  const { of, name, happened } = JSON.parse(
    (await cluster.anneal('why', 'serving', '-o', 'json')).out,
  );
  t.deepEqual([of, name], ['AdapterServer', 'serving']);
  t.regex(
    happened,
    /^It answers at http:\/\/serving\.team\.svc:8000\/v1 with the base SmolLM2-135M, called base in requests, and 2 adapters\.$/,
  );
  const unread = await cluster.anneal('why', 'unreadable');
  t.is(unread.code, 0, unread.err);
});

test('a command for jobs that is given a server says what it is, and what to ask', async (t) => {
  await using cluster = await aClusterWithServers();
  for (const verb of ['describe', 'get', 'logs']) {
    const { code, err } = await cluster.anneal(verb, 'serving');
    t.is(code, 3);
    t.is(
      err,
      'serving is no job in prod/team-a; there is an AdapterServer of that name\n' +
        'hint: anneal watch serving shows it, and anneal why serving says how it is; kubectl describe adapterserver serving has all of it\n',
    );
  }
  t.regex((await cluster.anneal('describe', 'nobody')).err, /^there is no job "nobody" in prod/);
});

const at = { collection, namespace: 'team-a' } as const;

test('watch follows a server in lines, until it is in the state that was asked for', async (t) => {
  await using cluster = await aClusterWithServers();
  const { out, code, err } = await cluster.anneal(
    ...['watch', 'degraded', '--until', 'degraded', '--display', 'plain'],
  );
  t.is(code, 0, err);
  t.regex(out, /^[\d:]{8} degraded Degraded · 1\/2 adapters · 1\/1 pods\n$/);
  const wrong = await cluster.anneal('watch', 'degraded', '--until', 'step=3');
  t.is(wrong.code, 2);
  t.regex(
    wrong.err,
    /^--until is "step=3"; of a server, a pool or a federation it must be a state such as/,
  );
});

test('watch tells each change of a server, and ends with 11 when it is deleted', async (t) => {
  await using cluster = await aCluster();
  const { objects } = cluster.server;
  const { status, ...server } = aToldServer('answers', { served: [] }) as Tree;
  objects.create(at, { ...server, metadata: { name: 'answers', namespace: 'team-a' }, status });
  const watching = cluster.anneal('watch', 'answers', '--display', 'json');
  const isWatched = () =>
    cluster.server.seen.some(
      ({ path, query }) => path.endsWith('/adapterservers') && query.get('watch') === 'true',
    );
  await eventually('the server is watched', isWatched);
  const changed = { status: { ...((aToldServer('answers') as Tree)['status'] as object) } };
  objects.mergePatch({ ...at, name: 'answers' }, changed);
  objects.delete({ ...at, name: 'answers' }, undefined);
  const { code, out } = await watching;
  t.is(code, 11);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(lines[0], { kind: 'AdapterServer', name: 'answers', state: 'Loading' });
});

const hubs = 'apis/anneal.dev/v1alpha1/federations';
const failure = { code: 'E_FEDERATION_QUORUM', message: 'two of five clients answered' };

test('watch of a federation that failed ends with its reason and 10', async (t) => {
  await using cluster = await aCluster();
  const status = { observedGeneration: 1, phase: 'Failed', progress: '2/5', failure };
  cluster.server.objects.create(
    { collection: hubs, namespace: 'team-a' },
    { metadata: { name: 'clinics', namespace: 'team-a' }, status },
  );
  const { code, out, err } = await cluster.anneal('watch', 'clinics', '--display', 'plain');
  t.is(code, 10);
  t.regex(out, /^[\d:]{8} clinics Failed · round 2\/5\n$/);
  t.regex(err, /^clinics failed: two of five clients answered\n/);
});
