// The real command on a run whose best step is not its last: what is published, what is said of it,
// and that a stop in the last evaluation changes neither.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { type ToyJob, writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal } from './anneal-process.ts';

/** Learns for a while, until its rising rate throws it off. */
const diverging = {
  name: 'diverging',
  method: {
    preset: 'LoRA',
    precision: { type: 'Float32' },
    adapter: { type: 'LoRA', lora: { rank: 4 } },
  },
  training: {
    maxSteps: 8,
    learningRate: '10',
    schedule: { type: 'Constant', warmupSteps: 40 },
    evaluation: { intervalSteps: 2 },
    samples: { prompts: ['what is 3 and 5'], maxTokens: 16 },
  },
  checkpoint: { intervalSteps: 100, retain: { latest: 1 } },
} as const;

async function published({ destination }: ToyJob) {
  const report = runReport.parse(
    JSON.parse(await readFile(join(destination, 'report.json'), 'utf8')),
  );
  const adapter = await readFile(join(destination, 'adapter/adapter_model.safetensors'));
  return { report, adapter };
}

const lasting = ({ samples, evaluation, result }: RunReport) => ({ samples, evaluation, result });

test('the best step is published and named, also when the last evaluation was stopped and made up for', async (t) => {
  t.timeout(300_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-best-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const job = await writeToyJob(folder, diverging);
  const undisturbed = await startAnneal(job.file, join(folder, 'undisturbed'), () => {}).ended;
  t.is(undisturbed.code, 0, undisturbed.stderr);
  const expected = await published(job);
  const { result, evaluation } = expected.report;
  t.is(result?.choice, 'Best');
  t.is(result?.step, evaluation.best?.step);
  t.true((result?.step ?? 8) < 8);

  let steps = 0;
  let isStopped = false;
  // Once: an evaluation is told several times on its way, and a second signal ends the run without
  // saving.
  const stopAtEnd = (line: RunLine) => {
    if (line.type === 'step') steps += 1;
    if (line.type !== 'stage' || line.stage !== 'Evaluate' || steps < 8 || isStopped) return;
    isStopped = true;
    disturbed.stop();
  };
  const disturbed = startAnneal(job.file, join(folder, 'disturbed'), stopAtEnd);
  t.teardown(() => disturbed.kill('tree'));
  t.is((await disturbed.ended).code, 130, 'stopped, however far the evaluation was by then');
  const lines: RunLine[] = [];
  const again = startAnneal(job.file, join(folder, 'disturbed'), (line) => lines.push(line));
  const { code, stderr } = await again.ended;
  t.is(code, 0, stderr);
  t.false(lines.some(({ type }) => type === 'step'));
  const found = await published(job);
  t.deepEqual(lasting(found.report), lasting(expected.report));
  t.deepEqual(found.adapter, expected.adapter);
});
