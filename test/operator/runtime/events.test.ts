import test, { type ExecutionContext } from 'ava';
import { EventRecorder } from '../../../operator/runtime/events.ts';
import { aClient } from '../../builders/kube-client.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { eventually } from '../../doubles/eventually.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import { KubeServer } from '../../doubles/kube/server.ts';

const subject = { apiVersion: 'v1', kind: 'Pod', namespace: 'team', name: 'p', uid: 'u' };
const note = { type: 'Normal', reason: 'Started', note: 'it began', action: 'Start' } as const;

async function fixture(t: ExecutionContext) {
  const server = await KubeServer.start();
  const client = aClient(server.origin);
  const clock = new FakeClock();
  const counts = { dropped: 0 };
  const dropped = () => {
    counts.dropped += 1;
  };
  const recorder = new EventRecorder({ client, clock, controller: 'c', instance: 'i', dropped });
  const stop = new AbortController();
  const running = recorder.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const all = () => server.objects.all('apis/events.k8s.io/v1/events');
  return { server, clock, recorder, counts, all };
}

test('an event names its subject, and its repetition is counted on it', async (t) => {
  const { recorder, all } = await fixture(t);
  recorder.record(subject, note);
  recorder.record(subject, note);
  recorder.record(subject, note);
  await eventually('the count arrives', () => (all()[0]?.['series'] as Tree)?.['count'] === 3);
  const [event] = all();
  t.is(all().length, 1);
  t.like(event, { reason: 'Started', note: 'it began', action: 'Start', regarding: subject });
  t.is(event?.['reportingController'], 'c');
});

test('the same event after a while is a new one, and another note is another event', async (t) => {
  const { recorder, all, clock } = await fixture(t);
  recorder.record(subject, note);
  clock.advance(6 * 60_000);
  recorder.record(subject, note);
  recorder.record(subject, { ...note, note: 'it began anew' });
  await eventually('all arrive', () => all().length === 3);
  t.pass();
});

test('an object that makes many is held to a burst, then to one in five minutes', async (t) => {
  const { recorder, all, clock, counts } = await fixture(t);
  for (let index = 0; index < 40; index++) recorder.record(subject, { ...note, note: `${index}` });
  await eventually('the burst arrives', () => all().length === 25);
  t.is(counts.dropped, 15);
  clock.advance(300_000);
  recorder.record(subject, { ...note, note: 'later' });
  recorder.record(subject, { ...note, note: 'too much' });
  recorder.record({ ...subject, uid: 'other' }, { ...note, note: 'of another' });
  await eventually('they arrive', () => all().length === 27);
  t.is(counts.dropped, 16);
});

test('an event that the server refuses is dropped and counted, and the next one goes out', async (t) => {
  const { recorder, all, server, counts } = await fixture(t);
  let refused = 0;
  server.intercept = () => (refused++ === 0 ? { status: 403, body: {} } : undefined);
  recorder.record(subject, note);
  recorder.record(subject, { ...note, note: 'second' });
  await eventually('the second arrives', () => all().length === 1);
  t.is(counts.dropped, 1);
});

test('an event that a busy server did not take is sent again', async (t) => {
  const { recorder, all, server, clock, counts } = await fixture(t);
  let busy = 0;
  server.intercept = () => (busy++ < 2 ? { status: 503, body: {} } : undefined);
  recorder.record(subject, note);
  for (let round = 0; round < 2; round++) {
    await eventually('it waits', () => clock.sleeping > 0);
    clock.advance(1_000);
  }
  await eventually('it arrives', () => all().length === 1);
  t.is(counts.dropped, 0);
});
