// Trainers that a file tells what to do, as real processes: who is started again, who is not, and
// what is said of it.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type LocalRun, runStages } from '../../../cli/client/local-run.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aSpec } from '../../builders/job.ts';
import type { WorkerScript } from '../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../doubles/worker-script.ts');
const loading = { type: 'stage', stage: 'Load', state: 'Started', time: 1 } as const;
const saved = (step: number) => ({
  type: 'checkpoint',
  step,
  path: '/x',
  bytes: 1,
  ms: 1,
  time: 2,
});
const policy = (changes: Readonly<Record<string, number>> = {}) => ({
  ...aSpec().failurePolicy,
  ...changes,
});

async function aWorld(t: ExecutionContext, script: WorkerScript, more: Partial<LocalRun> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-world-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'script.json'), JSON.stringify(script));
  const messages: Telemetry[] = [];
  const never = new AbortController().signal;
  const run: LocalRun = {
    ...{
      spec: aSpec(),
      folder,
      worker,
      stop: never,
      kill: never,
      world: { size: 2, policy: policy() },
    },
    onMessage: (message) => messages.push(message),
    ...more,
  };
  const outcome = await runStages(run);
  const read = async (name: string) =>
    (await readFile(join(folder, name), 'utf8').catch(() => '')).trim().split('\n');
  return {
    ...{ outcome, messages, causes: await read('causes.txt') },
    // Behind preparing, which is one process.
    stages: (await read('stages.txt')).slice(1),
    devices: (await read('devices.txt')).sort(),
  };
}

test('trainers are started together, only the first is heard, and publishing is one process', async (t) => {
  const { outcome, messages, stages } = await aWorld(t, { train: { messages: [loading] } });
  t.deepEqual(outcome, { type: 'Complete' });
  t.deepEqual(stages.slice(0, 2).sort(), ['train 0 of 2', 'train 1 of 2']);
  t.deepEqual(stages.slice(2), ['publish']);
  t.deepEqual(messages, [loading]);
});

test('each trainer is told its own device, and none where the run record says it', async (t) => {
  const devices = ['cuda:0', 'cuda:1'] as const;
  const world = { size: 2, policy: policy(), devices };
  const { devices: told } = await aWorld(t, { train: {} }, { world });
  t.deepEqual(told, ['0: cuda:0', '1: cuda:1']);
  t.deepEqual((await aWorld(t, { train: {} })).devices, ['']);
});

test('when one is killed all are started again, and are told why', async (t) => {
  const { outcome, stages, causes } = await aWorld(t, {
    'train 0': { messages: [saved(6)], untilStop: 'never', later: { 2: {} } },
    // Or the first might be ended before it has written down that it began.
    'train 1': { after: 'train 0 of 2', signal: 'SIGKILL', later: { 2: {} } },
  });
  t.deepEqual(outcome, { type: 'Complete' });
  t.is(stages.filter((stage) => stage === 'train 0 of 2').length, 2);
  const [cause = '', ...others] = causes;
  t.regex(cause, /^worker 1 of 2 was ended by SIGKILL; all restarted from /);
  t.regex(cause, /\(restart 1; 10 are allowed\)$/);
  t.deepEqual(others, [cause], 'each of the two was told');
});

test('a failure that would come again ends the run at once, whoever tells it', async (t) => {
  const failure = {
    ...{ type: 'failure', time: 1, code: 'E_INVALID_DATA', reason: 'InvalidData' },
    message: 'record 7 has no text',
  };
  const { outcome, stages } = await aWorld(t, {
    'train 0': {},
    'train 1': { messages: [failure], exit: 65 },
  });
  t.like(outcome, { type: 'Failed', error: { message: 'record 7 has no text' } });
  t.is(stages.length, 2);
});

test('the loss of another is not the cause where the other one is known', async (t) => {
  const lost = {
    type: 'failure',
    time: 1,
    code: 'E_PEER_LOST',
    reason: 'PeerLost',
    message: 'rank 1',
  };
  const { causes } = await aWorld(t, {
    'train 0': { messages: [lost], exit: 76, later: { 2: {} } },
    'train 1': { signal: 'SIGSEGV', later: { 2: {} } },
  });
  // Where the loss is heard of first, the lost one is ended with the others before it can say
  // anything.
  t.regex(causes[0] ?? '', /^worker (1 of 2 was ended by SIGSEGV|0 of 2 ended: rank 1); all/);
});

test('the account of the job limits restarts', async (t) => {
  const dies = { 'train 0': { untilStop: 'never' }, 'train 1': { signal: 'SIGKILL' } } as const;
  const world = { size: 2, policy: policy({ maxRestarts: 1 }) };
  const over = await aWorld(t, dies, { world });
  t.like(over.outcome, { type: 'Failed', error: { code: 'E_BUDGET_EXHAUSTED' } });
  t.is(over.stages.filter((stage) => stage === 'train 1 of 2').length, 2);
});

test('a wish to stop reaches all of them', async (t) => {
  const stop = new AbortController();
  const { outcome } = await aWorld(
    t,
    { train: { untilStop: true } },
    { stop: stop.signal, onMessage: () => stop.abort() },
  );
  t.deepEqual(outcome, { type: 'Stopped' });
});

test('a wish to end kills all of them', async (t) => {
  const kill = new AbortController();
  const { outcome } = await aWorld(
    t,
    { train: { untilStop: 'never' } },
    { kill: kill.signal, onMessage: () => kill.abort() },
  );
  t.deepEqual(outcome, { type: 'Stopped' });
});
