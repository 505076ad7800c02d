import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LocalRun, runStages } from '../../../cli/client/local-run.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aSpec } from '../../builders/job.ts';
import type { WorkerScript } from '../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../doubles/worker-script.ts');
const started = { type: 'stage', stage: 'Load', state: 'Started', time: 1 } as const;

async function aRun(t: ExecutionContext, script: WorkerScript, more: Partial<LocalRun> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-run-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'script.json'), JSON.stringify(script));
  const messages: Telemetry[] = [];
  const never = new AbortController().signal;
  const run: LocalRun = {
    ...{ spec: aSpec(), folder, worker, stop: never, kill: never },
    onMessage: (message) => messages.push(message),
    ...more,
  };
  const outcome = await runStages(run);
  const stages = await readFile(join(folder, 'stages.txt'), 'utf8').catch(() => '');
  return { outcome, messages, stages: stages.trim().split('\n') };
}

test('the stages run one after the other, and what they say is passed on', async (t) => {
  const { outcome, messages, stages } = await aRun(t, {
    prepare: { messages: [started] },
    train: { messages: [{ ...started, time: 2, newField: true }, { type: 'unheard of' }, 7] },
  });
  t.deepEqual(outcome, { type: 'Complete' });
  t.deepEqual(stages, ['prepare', 'train', 'publish']);
  t.deepEqual(messages, [started, { ...started, time: 2 }]);
});

test('a failure that the worker tells is the outcome, and no later stage starts', async (t) => {
  const failure = {
    ...{ type: 'failure', time: 1, code: 'E_SOURCE_NOT_FOUND', reason: 'SourceNotFound' },
    ...{ message: 'the model is not there', hint: 'look elsewhere' },
  };
  const { outcome, stages } = await aRun(t, { prepare: { messages: [failure], exit: 66 } });
  t.like(outcome, {
    type: 'Failed',
    error: {
      code: 'E_SOURCE_NOT_FOUND',
      message: 'the model is not there',
      hint: 'look elsewhere',
    },
  });
  t.deepEqual(stages, ['prepare']);
});

test('a process that dies without a word is told by its last line', async (t) => {
  const died = await aRun(t, { train: { exit: 1, stderr: 'one\nsomething broke\n' } });
  t.like(died.outcome, {
    error: {
      code: 'E_CRASHED',
      message: 'the process of the stage train was ended with exit code 1: something broke',
    },
  });
  const killed = await aRun(t, { train: { signal: 'SIGKILL' } });
  t.like(killed.outcome, { error: { code: 'E_HOST_OUT_OF_MEMORY' } });
});

test('a wish to stop reaches the stage, which saves, and nothing starts after it', async (t) => {
  const stop = new AbortController();
  const { outcome, stages } = await aRun(
    t,
    { train: { untilStop: true } },
    { stop: stop.signal, onMessage: () => stop.abort() },
  );
  t.deepEqual(outcome, { type: 'Stopped' });
  t.deepEqual(stages, ['prepare', 'train']);
});

test('a second wish kills the stage', async (t) => {
  const kill = new AbortController();
  const { outcome } = await aRun(
    t,
    { train: { untilStop: true } },
    { kill: kill.signal, onMessage: () => kill.abort() },
  );
  t.deepEqual(outcome, { type: 'Stopped' });
});

test('stopped before it began, no process is started', async (t) => {
  const { outcome, stages } = await aRun(t, {}, { stop: AbortSignal.abort() });
  t.deepEqual(outcome, { type: 'Stopped' });
  t.deepEqual(stages, ['']);
});
