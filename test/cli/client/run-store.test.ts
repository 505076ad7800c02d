import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { writeOutcome } from '../../../cli/client/outcome.ts';
import { continueRun, createRun, resumable, runsOf } from '../../../cli/client/run-store.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import { aSpec } from '../../builders/job.ts';

const endedAt = '2026-01-01T00:00:00Z';

async function aCache(t: ExecutionContext): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-runs-'));
  t.teardown(() => rm(cache, { recursive: true }));
  return cache;
}

function aRecord(cache: string, digest = 'a'): RunRecord {
  return {
    ...{ version: 1, name: 'first', namespace: 'default', folder: cache, spec: aSpec(), digest },
    ...{ volumes: {}, cache, device: 'cpu', threads: 2, createdAt: endedAt },
  };
}

test('runs are numbered from 1, and found again in order', async (t) => {
  const cache = await aCache(t);
  t.deepEqual(await runsOf(cache, 'first'), []);
  for (let number = 1; number <= 11; number++) {
    const run = await createRun(cache, await runsOf(cache, 'first'), aRecord(cache));
    t.is(run.number, number);
  }
  const numbers = (await runsOf(cache, 'first')).map(({ number }) => number);
  t.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('what is no run is passed over: other folders, and a record that was cut off', async (t) => {
  const cache = await aCache(t);
  await createRun(cache, [], aRecord(cache));
  await mkdir(join(cache, 'runs/first/notes'));
  await mkdir(join(cache, 'runs/first/2'));
  await writeFile(join(cache, 'runs/first/2/run.json'), '{"version":1,"na');
  t.deepEqual(
    (await runsOf(cache, 'first')).map(({ number }) => number),
    [1],
  );
});

test('a run that goes on takes the job as it is now, and keeps its day', async (t) => {
  const cache = await aCache(t);
  const run = await createRun(cache, [], aRecord(cache));
  const now = { ...aRecord(cache), threads: 7, createdAt: '2027-01-01T00:00:00Z' };
  await continueRun(run, now);
  const [found] = await runsOf(cache, 'first');
  t.like(found, { number: 1, record: { threads: 7, createdAt: endedAt } });
});

test('a run goes on when it did not complete and nothing that decides its result changed', async (t) => {
  const cache = await aCache(t);
  const again = async () => resumable(await runsOf(cache, 'first'), 'a')?.number;
  t.is(await again(), undefined);
  const run = await createRun(cache, [], aRecord(cache));
  t.is(await again(), 1);
  const error = new UserError({ code: 'E_USAGE', message: 'it failed', hint: 'try again' });
  for (const outcome of [{ type: 'Stopped' }, { type: 'Failed', error }] as const) {
    await writeOutcome(run.folder, outcome, new Date(endedAt));
    t.is(await again(), 1);
  }
  t.like((await runsOf(cache, 'first'))[0]?.outcome, { code: 'E_USAGE', hint: 'try again' });
  t.is(resumable(await runsOf(cache, 'first'), 'another digest'), null);
  await writeOutcome(run.folder, { type: 'Complete' }, new Date(endedAt));
  t.is(await again(), undefined);
});
