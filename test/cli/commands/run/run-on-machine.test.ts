import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runJson } from '../../../../cli/commands/run/json.ts';
import { type RunOptions, resultDigest } from '../../../../cli/commands/run/plan-run.ts';
import { runCommand } from '../../../../cli/commands/run/run-on-machine.ts';
import { runSentences } from '../../../../cli/commands/run/sentences.ts';
import { runLines } from '../../../../cli/commands/run/text.ts';
import { findDevices, kernelsPath } from '../../../../cli/devices/find-devices.ts';
import { cliConfig } from '../../../../cli/process/config.ts';
import { runSummary } from '../../../../cli/text/run-summary.ts';
import type { RunView } from '../../../../cli/text/run-view.ts';
import { anAskingJob, aSpec, aWrittenJob, changed } from '../../../builders/job.ts';
import { messagesOfARun } from '../../../builders/run-messages.ts';
import { aPreparedRecord, aReport } from '../../../builders/run-report.ts';
import { aMachine, type Program, says } from '../../../doubles/machine.ts';
import { cardLine } from '../../../doubles/nvidia-smi.ts';
import type { WorkerScript } from '../../../doubles/worker-script.ts';

const worker = join(import.meta.dirname, '../../../doubles/worker-script.ts');
const messages = messagesOfARun();
const goodRun: WorkerScript = {
  prepare: { files: { 'prepared.json': aPreparedRecord('/models/model.gguf') } },
  train: { messages: messages.slice(0, -2) },
  publish: { messages: messages.slice(-2), files: { 'report.json': aReport() } },
};

interface Setting {
  readonly view?: (write: (line: string) => void) => RunView;
  readonly job?: unknown;
  readonly text?: string;
  readonly script?: WorkerScript;
  /** What nvidia-smi answers. @default it is not there */
  readonly cards?: Program;
}

const none: Program = () => ({ kind: 'missing' });

async function inFolder(
  t: ExecutionContext,
  { view = runLines, job, text, script, cards = none }: Setting,
) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-cli-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'job.yaml');
  await writeFile(file, text ?? JSON.stringify(job ?? aWrittenJob()));
  await writeFile(join(folder, 'script.json'), JSON.stringify(script ?? goodRun));
  const start = async (more: Partial<RunOptions> = {}) => {
    const lines: string[] = [];
    const outcome = await runCommand(
      { file, threads: 2, volumes: {}, steps: undefined, fresh: false, ...more },
      {
        config: cliConfig({ ANNEAL_CACHE: join(folder, 'cache') }),
        worker,
        view: view((line) => lines.push(line.replaceAll(folder, 'FOLDER'))),
        now: () => new Date(0),
        stop: new AbortController().signal,
        kill: new AbortController().signal,
        warn: (sentence) => lines.push(sentence),
        findDevices: async () =>
          findDevices(aMachine({ programs: { 'nvidia-smi': cards } }), folder),
      },
    );
    return { outcome, lines };
  };
  return { folder, start };
}

test('one run, as lines, as sentences, as JSON, and as its end only', async (t) => {
  const shown = { lines: [], sentences: [], json: [], summary: [] } as Record<string, string[]>;
  const into = (name: string) => (line: string) => void shown[name]?.push(line);
  const { folder, start } = await inFolder(t, {
    job: anAskingJob(),
    view: () =>
      both(
        both(runLines(into('lines')), runSentences(into('sentences'))),
        both(runJson(into('json')), runSummary(into('summary'))),
      ),
  });
  t.deepEqual((await start()).outcome, { type: 'Complete' });
  const text = (name: string) => shown[name]!.join('\n').replaceAll(folder, 'FOLDER');

  t.snapshot(text('lines'), 'lines');
  t.snapshot(text('sentences'), 'sentences');
  t.false(/[✓█┤·]/u.test(text('sentences')));
  t.snapshot(text('summary'), 'summary');
  // The report holds an escape sequence in what the model answered.
  t.false(/\p{Cc}/u.test(text('summary').replaceAll('\n', '')));
  const json = shown['json']!.map((line) => JSON.parse(line));
  t.like(json[0], { job: 'default/first', type: 'begin', run: 1, continued: false });
  t.like(json.at(-1), { type: 'outcome', state: 'Complete', report: { version: 1 } });
  t.is(json.length, messages.length + 2);
});

function both(one: RunView, other: RunView): RunView {
  return {
    begin(run, continued) {
      one.begin(run, continued);
      other.begin(run, continued);
    },
    see(message) {
      one.see(message);
      other.see(message);
    },
    async end(ended) {
      await one.end(ended);
      await other.end(ended);
    },
  };
}

test('a run that did not end well goes on in its folder, and a complete one begins anew', async (t) => {
  const failure = {
    type: 'failure',
    time: 1,
    code: 'E_DIVERGED',
    reason: 'Diverged',
    message: 'no',
  };
  const broken = { prepare: { messages: [failure], exit: 74 } };
  const { folder, start } = await inFolder(t, { script: broken });
  const first = await start();
  t.like(first.outcome, { type: 'Failed', error: { code: 'E_DIVERGED' } });
  t.regex(first.lines[0] ?? '', /new run .*first\/1$/);
  await writeFile(join(folder, 'script.json'), JSON.stringify(goodRun));
  const second = await start();
  t.regex(second.lines[0] ?? '', /resuming .*first\/1$/);
  await writeFile(join(folder, 'script.json'), JSON.stringify(broken));
  t.regex((await start()).lines[0] ?? '', /new run .*first\/2$/);
  const record = JSON.parse(
    await readFile(join(folder, 'cache/runs/first/1/outcome.json'), 'utf8'),
  );
  t.is(record.state, 'Complete');
});

test('other steps make another run, and --fresh does not go on', async (t) => {
  const script: WorkerScript = { prepare: { exit: 1 } };
  const { start } = await inFolder(t, { script });
  await start();
  t.regex((await start({ fresh: true })).lines[0] ?? '', /new run .*first\/2$/);
  t.regex((await start({ steps: 7 })).lines[0] ?? '', /new run .*first\/3$/);
  t.regex((await start({ steps: 7 })).lines[0] ?? '', /resuming .*first\/3$/);
});

test('the digest of a result ignores where results go, and sees what is learned', (t) => {
  const digest = resultDigest(aSpec());
  t.is(resultDigest(aSpec({ 'output.destination.persistentVolumeClaim.path': 'other' })), digest);
  t.is(resultDigest(aSpec({ 'checkpoint.intervalSteps': 7 })), digest);
  t.not(resultDigest(aSpec({ 'training.seed': 1 })), digest);
});

test('all mistakes of a file are told at their places, and nothing starts', async (t) => {
  const text = `apiVersion: anneal.dev/v1alpha1
kind: FineTuneJob
metadata: { name: first }
spec:
  model: { source: { huggingFace: { repository: owner/model } } }
  dataset:
    train: { persistentVolumeClaim: { claimName: notes } }
    sequenceLenght: 1024
  method: { preset: LoRA, adapter: { type: LoRA, lora: { rank: 0 } } }
  training: { epochs: "1", globalBatchSize: 32, learningRate: "2e-4" }
  output: { destination: { persistentVolumeClaim: { claimName: notes } } }
`;
  const { start } = await inFolder(t, { text });
  const error = await t.throwsAsync(start, { code: 'E_INVALID_SPEC' });
  const locations = error?.message.split('\n').map((line) => /job\.yaml:(\d+:\d+)/.exec(line)?.[1]);
  t.deepEqual(
    locations?.filter((location) => location !== undefined),
    ['6:3', '8:5', '9:64'],
  );
  t.regex(error?.message ?? '', /hint: did you mean sequenceLength\?/);
});

test('what cannot be combined or done here is told at its place as well', async (t) => {
  const text = `apiVersion: anneal.dev/v1alpha1
kind: FineTuneJob
metadata: { name: first }
spec:
  model: { source: { image: { reference: registry.example/model } } }
  dataset:
    train: { persistentVolumeClaim: { claimName: notes } }
    sequenceLength: 1024
  method: { preset: Full }
  training: { epochs: "1", globalBatchSize: 32, learningRate: "2e-4" }
  output:
    formats: [PEFTAdapter]
    destination: { persistentVolumeClaim: { claimName: notes } }
`;
  const { start } = await inFolder(t, { text });
  const error = await t.throwsAsync(start, { code: 'E_INCOMPATIBLE_METHOD' });
  t.regex(
    error?.message ?? '',
    /job\.yaml:12:14 {2}spec\.output\.formats asks for a file of the adapter/,
  );
  t.regex(
    error?.message ?? '',
    /job\.yaml:5:29 {2}spec\.model\.source\.image is a container image/,
  );
});

const onDevice = changed(aWrittenJob(), { 'spec.worker.devicesPerWorker': 1 });

async function withKernels(folder: string): Promise<void> {
  const path = kernelsPath({}, folder);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
}

async function recordIn(folder: string, number = 1) {
  return JSON.parse(await readFile(join(folder, `cache/runs/first/${number}/run.json`), 'utf8'));
}

test('a job for devices trains on them, each worker on its own', async (t) => {
  const cards = () => says(`${cardLine()}\n${cardLine({ index: 1 })}\n`);
  const { folder, start } = await inFolder(t, { job: onDevice, cards });
  await withKernels(folder);
  t.deepEqual((await start({ workers: 2 })).outcome, { type: 'Complete' });
  t.is((await recordIn(folder)).device, 'cuda:0');
  const told = await readFile(join(folder, 'cache/runs/first/1/devices.txt'), 'utf8');
  t.deepEqual(told.trim().split('\n').sort(), ['0: cuda:0', '1: cuda:1']);
  t.is((await recordIn(folder)).deviceProduct, 'NVIDIA H100 80GB HBM3');
  await start({ device: 'cuda:1' });
  t.is((await recordIn(folder, 2)).device, 'cuda:1');
  await start({ device: 'cpu' });
  t.like(await recordIn(folder, 3), { device: 'cpu', deviceProduct: undefined });
  await t.throwsAsync(start({ workers: 3 }), { message: /--workers is 3, and this machine has 2/ });
});

test('on a machine without devices the same file trains on the processor, and one line says so', async (t) => {
  const { folder, start } = await inFolder(t, { job: onDevice });
  const { outcome, lines } = await start();
  t.deepEqual(outcome, { type: 'Complete' });
  const said = lines.filter((line) => line.includes('devicesPerWorker'));
  t.deepEqual(said, [
    'spec.worker.devicesPerWorker is 1, and this machine has no CUDA device (nvidia-smi is not on the PATH): training on the processor',
  ]);
  t.is((await recordIn(folder)).device, 'cpu');
  await t.throwsAsync(start({ device: 'cuda:0' }), {
    message:
      '--device is cuda:0, and this machine has no CUDA device (nvidia-smi is not on the PATH)',
  });
});

test('a run goes on on another device from where it was', async (t) => {
  const failure = { type: 'failure', time: 1, code: 'E_DIVERGED', reason: 'Diverged', message: '' };
  const broken = { prepare: { messages: [failure], exit: 74 } };
  const cards = () => says(cardLine());
  const { folder, start } = await inFolder(t, { job: onDevice, script: broken, cards });
  await withKernels(folder);
  await start();
  await writeFile(join(folder, 'script.json'), JSON.stringify(goodRun));
  const { outcome, lines } = await start({ device: 'cpu' });
  t.deepEqual(outcome, { type: 'Complete' });
  t.true(
    lines.some(
      (line) =>
        line ===
        'the run was on cuda:0 and continues on cpu: its losses differ in their last bits from those of a run that stays',
    ),
  );
  t.is((await recordIn(folder)).device, 'cpu');
});
