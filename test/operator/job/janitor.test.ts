import test from 'ava';
import { noBus } from '../../../operator/bus/job-bus.ts';
import { Janitor, type JanitorEvent } from '../../../operator/job/janitor.ts';
import {
  fineTuneJobs,
  type ObservedFineTuneJob,
} from '../../../operator/job/observed/fine-tune-job.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { aWrittenJob } from '../../builders/job.ts';
import { FakeClock } from '../../doubles/clock.ts';

const never = new AbortController().signal;

function fixture(namespaces?: readonly string[]) {
  const jobs = new Store<ObservedFineTuneJob, 'uid'>({
    indexes: { uid: ({ metadata }) => [metadata.uid] },
  });
  const metadata = {
    name: 'a',
    namespace: 'n',
    uid: 'alive',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  };
  jobs.put(fineTuneJobs.read({ ...aWrittenJob(), metadata }));
  const purged: string[] = [];
  const events: JanitorEvent['type'][] = [];
  const fault = { next: false };
  const bus = {
    ...noBus,
    jobs: () => ['alive', 'gone'].map((uid) => ({ namespace: 'n', uid })),
    purge: async ({ uid }: { uid: string }) => {
      if (fault.next) throw new Error('the bus is away');
      purged.push(uid);
    },
  };
  const tell = ({ type }: JanitorEvent) => void events.push(type);
  return {
    janitor: new Janitor({ jobs, bus, clock: new FakeClock(), namespaces, tell }),
    purged,
    events,
    fault,
  };
}

test('only what was missing in two rounds is removed', async (t) => {
  const { janitor, purged } = fixture();
  await janitor.round(never);
  t.deepEqual(purged, []);
  await janitor.round(never);
  t.deepEqual(purged, ['gone']);
});

test('jobs of namespaces that we do not see are not missed', async (t) => {
  const { janitor, purged } = fixture(['elsewhere']);
  await janitor.round(never);
  await janitor.round(never);
  t.deepEqual(purged, []);
});

test('what could not be removed is tried again', async (t) => {
  const { janitor, purged, events, fault } = fixture();
  await janitor.round(never);
  fault.next = true;
  await janitor.round(never);
  fault.next = false;
  await janitor.round(never);
  t.deepEqual(events, ['Failed', 'Removed']);
  t.deepEqual(purged, ['gone']);
});
