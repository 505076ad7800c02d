// Servers as they are stored, whatever that is.
import test from 'ava';
import { modelOf } from '../../../cli/jobs/job.ts';
import { adaptersOf, replicasOf, serverState } from '../../../cli/jobs/server-state.ts';
import { readServer } from '../../../cli/jobs/servers.ts';
import { aToldServer, oneOfEachState } from '../../builders/told-server.ts';

test('what the operator writes is read whole, and each state has its word', (t) => {
  for (const object of oneOfEachState().slice(0, -1)) {
    const server = readServer(object);
    t.is(server.unread, undefined);
    t.is(serverState(server).toLowerCase(), server.name);
  }
});

test('a status that cannot be read leaves what can, and says which value it is', (t) => {
  const { status } = aToldServer('answers') as { status?: object };
  const broken = { ...aToldServer('answers'), status: { ...status, adapters: [{ name: 1 }] } };
  const server = readServer(broken);
  t.is(serverState(server), 'Serving');
  t.regex(server.unread?.message ?? '', /^status\.adapters\[0\]\.name is the number 1; /);
  t.is(server.status.url, 'http://answers.team.svc:8000/v1');
});

test('fields of a newer version are no problem', (t) => {
  const { status } = aToldServer('answers') as { status?: object };
  const newer = { ...aToldServer('answers'), status: { ...status, tokensPerSecond: '12' } };
  t.is(readServer(newer).unread, undefined);
  t.is(serverState(readServer(newer)), 'Serving');
});

test('values of a spec that cannot be read are not those of another server', (t) => {
  const server = readServer({ ...aToldServer('answers'), spec: { replicas: 'all', model: 7 } });
  t.is(modelOf(server), '?');
  t.is(replicasOf(server), undefined);
  t.truthy(server.unread);
});

test('whatever is stored has a name, and a state that does not pretend', (t) => {
  const odd: readonly object[] = [
    {},
    { metadata: { name: 'answers' }, spec: 'none', status: [] },
    { metadata: { name: 'answers' }, spec: null, status: null },
    { metadata: { name: 'answers' }, status: { conditions: [null, 1, { type: 'Ready' }] } },
  ];
  const servers = odd.map(readServer);
  t.deepEqual(servers.map(serverState), ['Pending', 'Unreadable', 'Pending', 'Unreadable']);
  for (const server of servers) {
    t.is(adaptersOf(server), undefined);
    t.is(typeof server.name, 'string');
  }
});

test('a list of 300,000 adapters is one problem, and hides nothing beside it', (t) => {
  const adapters = Array.from({ length: 300_000 }, () => ({}));
  const server = readServer({ ...aToldServer('answers'), status: { adapters, url: 'http://a' } });
  const message = 'status.adapters has 300000 items; it must be a list of at most 272 items';
  t.is(server.unread?.message, message);
  t.deepEqual(server.status, { url: 'http://a' });
});
