// Two commands on one job at the same time: only one trains. What holds a run is a process, not a
// file that stays behind.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ToyJob, writeToyJob } from '../toy/toy-job.ts';
import { type Anneal, type RunLine, startAnneal } from './anneal-process.ts';
import { checkpointsIn } from './killed-run.ts';

async function aJob(t: ExecutionContext): Promise<ToyJob & { readonly cache: string }> {
  t.timeout(300_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-two-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const job = await writeToyJob(folder, {
    name: 'shared',
    method: { preset: 'LoRA', precision: { type: 'Float32' } },
    training: { maxSteps: 400 },
    // Saved only by whoever is told to stop.
    checkpoint: { intervalSteps: 1000 },
  });
  return { ...job, cache: join(folder, 'cache') };
}

/** Resolves with the first line that is evaluated for; rejects when the command ends without it. */
function startUntil(
  t: ExecutionContext,
  { file, cache }: { readonly file: string; readonly cache: string },
  isIt: (line: RunLine) => boolean,
): { readonly anneal: Anneal; readonly seen: Promise<RunLine> } {
  const { promise, resolve, reject } = Promise.withResolvers<RunLine>();
  const anneal = startAnneal(file, cache, (line) => {
    if (isIt(line)) resolve(line);
  });
  t.teardown(() => anneal.kill('tree'));
  void anneal.ended.then(({ stderr }) => reject(new Error(`it ended before: ${stderr}`)));
  return { anneal, seen: promise };
}

const isStep = (line: RunLine): boolean => line.type === 'step' && line.step >= 2;

test('a second command on a run in progress is refused with one sentence, and the first goes on', async (t) => {
  const job = await aJob(t);
  const first = startUntil(t, job, isStep);
  await first.seen;
  const lines: RunLine[] = [];
  const second = await startAnneal(job.file, job.cache, (line) => lines.push(line)).ended;
  t.is(second.code, 7);
  const folder = join(job.cache, 'runs/shared/1');
  t.is(
    second.stderr,
    `run 1 of shared is in progress in another process (${folder}); only one may train it\n` +
      'hint: wait for it, or stop it with Ctrl-C where it was started\n',
  );
  t.deepEqual(lines, []);
  first.anneal.stop();
  const { code, stderr } = await first.anneal.ended;
  t.is(code, 130, stderr);
  t.is(checkpointsIn(folder).whole.length, 1);
});

test('a worker whose command was killed saves first; the next command waits for it and goes on from there', async (t) => {
  const job = await aJob(t);
  const first = startUntil(t, job, isStep);
  await first.seen;
  const orphan = first.anneal.worker();
  if (orphan === undefined) return t.fail('no worker runs');
  process.kill(orphan, 'SIGSTOP');
  first.anneal.kill('command');
  await first.anneal.ended;
  const second = startUntil(t, job, ({ type }) => type === 'warning');
  const warning = await second.seen;
  t.like(warning, { type: 'warning', reason: 'Waiting' });
  t.deepEqual(checkpointsIn(join(job.cache, 'runs/shared/1')).whole, []);
  process.kill(orphan, 'SIGCONT');
  second.anneal.kill('tree');
  await second.anneal.ended;
  const third = startUntil(t, job, ({ type }) => type === 'plan');
  const plan = await third.seen;
  const [saved] = checkpointsIn(join(job.cache, 'runs/shared/1')).whole;
  t.true((saved ?? 0) >= 2);
  t.is(plan.type === 'plan' ? plan.firstStep : undefined, saved);
});
