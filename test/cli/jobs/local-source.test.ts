import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { lockRun } from '../../../cli/client/run-lock.ts';
import { type Job, phaseOf } from '../../../cli/jobs/job.ts';
import { LocalSource } from '../../../cli/jobs/local-source.ts';
import type { Heard, JobsChange } from '../../../cli/jobs/source.ts';
import { isErrno } from '../../../worker/files/errno.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';
import { aRunRecord, storedRun } from '../../builders/stored-run.ts';
import { eventually } from '../../doubles/eventually.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const all = messagesOfARun();
const line = (message: unknown): string => `${JSON.stringify(message)}\n`;

async function take<T>(from: AsyncIterable<T>, until: (one: T) => boolean): Promise<readonly T[]> {
  const taken: T[] = [];
  for await (const one of from) {
    taken.push(one);
    if (until(one)) break;
  }
  return taken;
}

test('runs of all jobs are listed, and a run that was cut off does not hide the others', async (t) => {
  await using cache = await temporaryFolder();
  t.deepEqual(await new LocalSource(cache.path).list(), []);
  await storedRun(cache.path, { job: 'a', number: 2 });
  await storedRun(cache.path, { job: 'a', number: 10, outcome: null });
  const broken = await storedRun(cache.path, { job: 'b' });
  await appendFile(join(broken, 'telemetry.jsonl'), '{"type":"st');
  const jobs = await new LocalSource(cache.path).list();
  t.deepEqual(
    jobs.map((job) => [job.name, phaseOf(job)]),
    [
      ['a/2', 'Succeeded'],
      ['a/10', 'Suspended'],
      ['b/1', 'Succeeded'],
    ],
  );
});

/** The other end of a pipe that somebody waits at; undefined where nobody does. */
function openedByReader(pipe: string): number | undefined {
  try {
    return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENXIO')) return undefined;
    throw error;
  }
}

for (const [what, before] of [
  ['killed', null],
  ['stopped before it went on', { state: 'Stopped' }],
] as const) {
  test(`a run that ends while runs are being read is not one that was ${what}`, async (t) => {
    await using cache = await temporaryFolder();
    const folder = await storedRun(cache.path, { number: 2, outcome: before });
    // A pipe in the place of what the run before it said: the listing waits there, when it has read
    // both records, until somebody opens the pipe, and then for the turn of this test to end.
    const pipe = join(await storedRun(cache.path), 'telemetry.jsonl');
    await rm(pipe);
    await execa('mkfifo', [pipe]);
    const lock = lockRun({ folder, number: 2, record: aRunRecord(cache.path), outcome: null });
    const listing = new LocalSource(cache.path).list();
    const ended = { version: 1, state: 'Complete', endedAt: '2026-01-01T00:10:00.000Z' };
    await eventually('the listing waits', () => {
      const said = openedByReader(pipe);
      if (said === undefined) return false;
      writeFileSync(join(folder, 'outcome.json'), JSON.stringify(ended));
      lock[Symbol.dispose]();
      closeSync(said);
      return true;
    });
    const [, last] = await listing;
    t.is(last && phaseOf(last), 'Succeeded');
  });
}

test('a run in progress is followed: what is there, then what comes, until its process ends', async (t) => {
  await using cache = await temporaryFolder();
  const folder = await storedRun(cache.path, { messages: all.slice(0, 10), outcome: null });
  const stored = { folder, number: 1, record: aRunRecord(cache.path), outcome: null };
  const lock = lockRun(stored);
  const source = new LocalSource(cache.path);
  const [job] = (await source.list()) as [Job];
  t.is(phaseOf(job), 'Running');
  const heard: Heard[] = [];
  for await (const one of source.telemetry(job, { follow: true }, new AbortController().signal)) {
    heard.push(one);
    if (one.type === 'UpToDate') {
      // Half a line is no message until the other half is there.
      const text = line(all[10]);
      await appendFile(join(folder, 'telemetry.jsonl'), text.slice(0, 20));
      await appendFile(join(folder, 'telemetry.jsonl'), text.slice(20) + line(all[11]));
      lock[Symbol.dispose]();
    }
  }
  const messages = heard.flatMap((one) => (one.type === 'Message' ? [one.message] : []));
  t.deepEqual(messages, all.slice(0, 12));
  const [after] = (await source.list()) as [Job];
  t.is(phaseOf(after), 'Suspended');
});

test('changes tell all jobs first, then the one that changed', async (t) => {
  await using cache = await temporaryFolder();
  await storedRun(cache.path);
  const ended = new AbortController();
  let told = 0;
  const changes = await take<JobsChange>(
    new LocalSource(cache.path).changes(ended.signal),
    (change) => {
      told += 1;
      if (told === 1) void storedRun(cache.path, { number: 2 });
      return change.type === 'Changed' && change.job.status.phase === 'Succeeded';
    },
  );
  ended.abort();
  const [first] = changes;
  t.is(first?.type === 'All' ? first.jobs.length : 0, 1);
  const last = changes.at(-1);
  t.is(last?.type === 'Changed' ? last.job.name : '', 'first/2');
});

test('the log of a run is what it said, as lines', async (t) => {
  await using cache = await temporaryFolder();
  await storedRun(cache.path);
  const source = new LocalSource(cache.path);
  const [job] = (await source.list()) as [Job];
  const asked = { follow: false, previous: false };
  const heard = await take(source.logs(job, asked, new AbortController().signal), () => false);
  const texts = heard.flatMap((one) => (one.type === 'Log' ? [one.line.text] : []));
  t.true(texts.includes('step 20 of 20: loss 2.1778, 812 tokens/s'), texts.join('\n'));
  t.true(texts.includes('ended (Finished) after step 20'));
});
