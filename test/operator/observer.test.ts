import test from 'ava';
import { pino } from 'pino';
import { type JobBus, noBus } from '../../operator/bus/job-bus.ts';
import { Observer } from '../../operator/observer.ts';
import { createMetrics } from '../../operator/runtime/metrics.ts';
import { WorkQueue } from '../../operator/runtime/work-queue.ts';
import { FakeClock } from '../doubles/clock.ts';

function fixture(bus: JobBus = noBus) {
  const clock = new FakeClock();
  const observer = new Observer(pino({ level: 'silent' }), createMetrics(), clock);
  const queue = new WorkQueue({ clock, random: () => 0, added: () => observer.queueAdd() });
  const informers = { sizes: () => new Map([['pods', 3]]), stores: { jobs: new Map() } };
  observer.follow({ queue, bus, informers: informers as never, transport: { skewMs: 0 } as never });
  /** Samples whose name begins so. */
  const lines = async (name: string) =>
    (await observer.page()).text.split('\n').filter((line) => line.startsWith(name));
  return { observer, queue, clock, lines };
}

test('a site without a bus exports no number about it, so that no alert takes it for one that is away', async (t) => {
  t.deepEqual(await fixture().lines('anneal_bus_connected'), []);
  const away = fixture({ ...noBus, facts: () => ({ type: 'Away', since: 0 }) });
  t.deepEqual(await away.lines('anneal_bus_connected'), ['anneal_bus_connected 0']);
});

test('adds are counted when keys are added, and work under way has its time', async (t) => {
  const { queue, clock, lines } = fixture();
  queue.add('team-a/first');
  queue.add('team-a/first');
  t.deepEqual(await lines('workqueue_adds_total'), ['workqueue_adds_total{name="finetunejob"} 1']);
  await queue.take(new AbortController().signal);
  clock.advance(90_000);
  for (const name of ['unfinished_work', 'longest_running_processor']) {
    t.deepEqual(await lines(`workqueue_${name}`), [
      `workqueue_${name}_seconds{name="finetunejob"} 90`,
    ]);
  }
});

test('series that alerts look at are there before their first event', async (t) => {
  const { lines } = fixture();
  t.deepEqual(await lines('anneal_unreadable_objects_total'), [
    'anneal_unreadable_objects_total{resource="pods"} 0',
  ]);
  t.true((await lines('anneal_restarts_total{cause="Hang",rung="NewRound"} 0')).length === 1);
  t.true((await lines('controller_runtime_reconcile_errors_total')).length === 1);
  t.deepEqual(await lines('leader_election_master_status'), [
    'leader_election_master_status{name="finetunejob"} 0',
  ]);
});

test('a controller beside that of jobs has series of its own, from the beginning', async (t) => {
  const { observer, lines } = fixture();
  observer.begins('adapterserver');
  observer.begins('federation');
  const errors = 'controller_runtime_reconcile_errors_total';
  t.deepEqual(await lines(errors), [
    `${errors}{controller="finetunejob"} 0`,
    `${errors}{controller="adapterserver"} 0`,
    `${errors}{controller="federation"} 0`,
  ]);
  const times = { waitedMs: 1, workedMs: 1 };
  const outcome = {
    key: 'team/answers',
    result: 'error',
    error: new Error('x'),
    ...times,
  } as const;
  observer.reconcile(outcome, 'adapterserver');
  t.deepEqual(await lines(errors), [
    `${errors}{controller="finetunejob"} 0`,
    `${errors}{controller="adapterserver"} 1`,
    `${errors}{controller="federation"} 0`,
  ]);
});
