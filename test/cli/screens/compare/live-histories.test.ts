import test from 'ava';
import fc from 'fast-check';
import type { Heard, JobSource, JobsChange } from '../../../../cli/jobs/source.ts';
import { historyOf } from '../../../../cli/metrics/history.ts';
import { LiveHistories } from '../../../../cli/screens/compare/live-histories.ts';
import { aListedJob } from '../../../builders/listed-job.ts';
import { messagesOfARun } from '../../../builders/run-messages.ts';

const job = aListedJob({ name: 'halo' });
const messages = messagesOfARun(12);

/** Says what it is given, then waits for the end. */
function aSource(heard: readonly Heard[], changes: readonly JobsChange[] = []): JobSource {
  async function* saying<T>(items: readonly T[], signal: AbortSignal): AsyncGenerator<T> {
    yield* items;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => resolve());
    await promise;
  }
  return {
    ...{ type: 'cluster', location: 'prod/team-a', list: async () => [job] },
    changes: (signal: AbortSignal) => saying(changes, signal),
    telemetry: (_job: unknown, _asked: unknown, signal: AbortSignal) => saying(heard, signal),
    logs: (_job: unknown, _asked: unknown, signal: AbortSignal) => saying([], signal),
    events: async () => [],
    surroundings: async () => undefined,
    async [Symbol.asyncDispose]() {},
  } as unknown as JobSource;
}

async function heardBy(source: JobSource): Promise<LiveHistories> {
  const stop = new AbortController();
  const now = () => new Date(5_000);
  const histories = new LiveHistories([{ job, source }], now, stop.signal);
  const { promise, resolve } = Promise.withResolvers<void>();
  histories.subscribe(resolve);
  await promise;
  stop.abort();
  return histories;
}

const said = (all: typeof messages): readonly Heard[] =>
  all.map((message) => ({ type: 'Message', index: 0, message }));

test('late, doubled and missing messages give the history that the messages have in any order', async (t) => {
  const any = fc.shuffledSubarray([...messages, ...messages.slice(0, 20)], { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(any, async (some) => {
      const histories = await heardBy(aSource(said(some)));
      t.deepEqual(histories.all[0]?.history, historyOf(some));
    }),
    { numRuns: 8 },
  );
});

test('who cannot be asked is told since when, until somebody is heard again', async (t) => {
  const away: Heard = { type: 'Away', why: 'no bus' };
  const lost = await heardBy(aSource([away, away]));
  t.deepEqual(lost.away, [{ name: 'halo', since: 5, why: 'no bus' }]);
  const back = await heardBy(aSource([away, { type: 'UpToDate' }, ...said(messages.slice(0, 3))]));
  t.deepEqual(back.away, []);
});

test('the job is the newest that its source told of; others are not taken for it', async (t) => {
  const ended = aListedJob({ name: 'halo', status: { phase: 'Succeeded' } });
  const another = aListedJob({ name: 'other', status: { phase: 'Failed' } });
  const histories = await heardBy(
    aSource(
      [],
      [
        { type: 'All', jobs: [another, job] },
        { type: 'Changed', job: another },
        { type: 'Changed', job: ended },
      ],
    ),
  );
  t.is(histories.all[0]?.job.status.phase, 'Succeeded');
});
