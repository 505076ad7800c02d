// The roles of the worker one after the other in this process: what they leave for each other, and what the report says.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { learningRateAt } from '../../crds/plan/steps.ts';
import { verifyCheckpoint } from '../../worker/checkpoint/folder.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { ToyRun } from '../builders/toy-run.ts';
import { temporaryFolder } from '../doubles/sources.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';

test.before(() => setThreads(1));

const loraJob: ToyJobOptions = {
  name: 'lora',
  method: {
    preset: 'LoRA',
    precision: { type: 'Float32' },
    adapter: { type: 'LoRA', lora: { rank: 4, targetModules: ['q_proj', 'mlp.down_proj'] } },
  },
  training: {
    maxSteps: 6,
    schedule: { type: 'Linear', warmupSteps: 2 },
    evaluation: { intervalSteps: 3 },
    samples: { prompts: ['what is 3 and 5'], maxTokens: 4 },
  },
  checkpoint: { intervalSteps: 2, retain: { latest: 9, best: 0 } },
};

async function aRun(t: ExecutionContext, options: ToyJobOptions): Promise<ToyRun> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  return ToyRun.make(folder.path, options);
}

const floats = (bytes: number) => bytes / 4;

test('the report of a run says what the messages said', async (t) => {
  const run = await aRun(t, loraJob);
  const report = await run.all();
  const steps = run.ofType('step');
  const evaluations = run.ofType('evaluation');
  t.is(steps.length, 6);
  t.like(report.job, { name: 'lora', specDigest: run.record.digest });
  t.like(report.training, {
    ...{ steps: 6, totalSteps: 6, skippedSteps: 0, rollbacks: 0 },
    tokensSeen: steps.reduce((sum, { tokens }) => sum + tokens, 0),
    firstLoss: steps[0]?.loss,
    lastLoss: steps.at(-1)?.loss,
  });
  t.deepEqual(
    report.evaluation.all.map(({ step, loss }) => [step, loss]),
    evaluations.map(({ step, loss }) => [step, loss]),
  );
  t.is(report.evaluation.before?.step, 0);
  t.is(report.evaluation.after?.step, 6);
  t.true((report.evaluation.after?.loss ?? 9) < (report.evaluation.before?.loss ?? 0));
  const best = report.evaluation.all.slice(1).toSorted((a, b) => (a.loss ?? 9) - (b.loss ?? 9))[0];
  t.is(report.evaluation.best?.step, best?.step);
  t.deepEqual(
    report.checkpoints.map(({ step }) => step),
    [2, 4, 6],
  );
  t.deepEqual(report.warnings, []);
  t.like(report.end, { reason: 'Finished', resumedFrom: 0 });
  const [sample, ...others] = report.samples;
  t.deepEqual(others, []);
  const said = run.ofType('sample').map(({ text }) => text);
  t.deepEqual(sample, { prompt: 'what is 3 and 5', before: said[0], after: said.at(-1) });
  t.is(report.training.stepMs !== undefined && report.training.stepMs > 0, true);
  t.deepEqual(
    report.artifacts.map(({ format }) => format),
    ['PEFTAdapter'],
  );
});

test('the plan counts what will train, and the checkpoint holds just that', async (t) => {
  const run = await aRun(t, loraJob);
  await run.prepare();
  await run.train();
  const [plan] = run.ofType('plan');
  // Two targets in each of three blocks; q is 64 x 64, down is 64 x 96, rank 4.
  const expected = 3 * 4 * (64 + 64 + (64 + 96));
  t.like(plan, { totalSteps: 6, firstStep: 0, trainableParameters: expected, sequencesPerStep: 3 });
  const { checkpoint } = await run.trained();
  const manifest = await verifyCheckpoint(checkpoint);
  const values = manifest.tensors.filter(({ name }) => !name.includes('#'));
  const size = (shape: readonly number[]) => shape.reduce((product, each) => product * each, 1);
  t.is(
    values.reduce((sum, { shape }) => sum + size(shape), 0),
    expected,
  );
  t.true(values.every(({ name }) => /\.(q_proj|mlp\.down_proj)\.lora_[AB]\.weight$/.test(name)));
  const [file] = manifest.files;
  // Value, m and v in float32, and a header.
  t.true(floats(file?.bytes ?? 0) > 3 * expected);
});

test('rates follow the schedule of the job', async (t) => {
  const run = await aRun(t, loraJob);
  await run.prepare();
  await run.train();
  const { schedule, learningRate } = run.record.spec.training;
  const expected = [0, 1, 2, 3, 4, 5].map((s) =>
    learningRateAt({ schedule, learningRate, totalSteps: 6 }, s),
  );
  t.deepEqual(
    run.ofType('step').map((step) => step.learningRate),
    expected,
  );
  t.true(new Set(expected).size > 3);
});

test('a run that is stopped saves, says where, and goes on with a report of the whole', async (t) => {
  const run = await aRun(t, loraJob);
  await run.prepare();
  run.onMessage = (message) => {
    if (message.type === 'step' && message.step === 3) run.stop();
  };
  await t.throwsAsync(run.train(), { name: 'AbortError' });
  t.is(run.ofType('step').length, 3);
  t.like((await run.trained()).report, { training: { steps: 3 }, end: { reason: 'Stopped' } });
  const before = run.ofType('sample')[0]?.text;
  run.startAgain();
  const report = await run.all();
  t.is(run.ofType('plan')[0]?.firstStep, 3);
  t.is(run.ofType('step').length, 3);
  t.like(report.end, { reason: 'Finished', resumedFrom: 3 });
  t.is(report.training.steps, 6);
  t.deepEqual(
    report.evaluation.all.map(({ step }) => step),
    [0, 3, 6],
  );
  t.is(report.samples[0]?.before, before, 'the answer of before is kept');

  const whole = await aRun(t, loraJob);
  const expected = await whole.all();
  t.deepEqual(report.evaluation, expected.evaluation);
  t.is(report.training.firstLoss, expected.training.firstLoss);
  t.is(report.training.lastLoss, expected.training.lastLoss);
  const adapter = (each: ToyRun) =>
    readFile(join(each.destination, 'adapter/adapter_model.safetensors'));
  t.deepEqual(await adapter(run), await adapter(whole));
});

test('a run that is over is published again without a step', async (t) => {
  const run = await aRun(t, loraJob);
  const first = await run.all();
  run.startAgain();
  const second = await run.all();
  t.is(run.ofType('step').length, 0);
  t.deepEqual(second.evaluation, first.evaluation);
  t.is(second.training.steps, 6);
  t.like(second.end, { reason: 'Finished', resumedFrom: 6 });
});

test('an adapter of all linear layers leaves out embedding and head', async (t) => {
  const lora = { rank: 2, targetModules: ['AllLinear'] };
  const method = { ...loraJob.method, adapter: { type: 'LoRA', lora } };
  const run = await aRun(t, { ...loraJob, method, training: { maxSteps: 1 } });
  await run.prepare();
  await run.train();
  const { tensors } = await verifyCheckpoint((await run.trained()).checkpoint);
  const modules = new Set(tensors.map(({ name }) => /(\w+)\.lora_A\.weight$/.exec(name)?.[1]));
  modules.delete(undefined);
  t.deepEqual([...modules].sort(), [
    ...['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'],
  ]);
  t.true(tensors.every(({ name }) => name.startsWith('model.layers.')));
});

test('all weights are trained without an adapter, in the type and with the state of the method', async (t) => {
  const run = await aRun(t, {
    name: 'full',
    method: {
      preset: 'Full',
      precision: { type: 'BFloat16', bfloat16: { masters: 'StochasticRounding' } },
      optimizer: { type: 'AdamW8bit' },
    },
    training: { maxSteps: 2, learningRate: '1e-3' },
  });
  const report = await run.all();
  t.deepEqual(
    report.artifacts.map(({ format }) => format),
    ['MergedSafetensors'],
  );
  t.is(report.model.trainableParameters, report.model.parameters);
  const { tensors } = await verifyCheckpoint((await run.trained()).checkpoint);
  const suffixes = new Set(tensors.map(({ name }) => name.split('#')[1] ?? ''));
  const small = ['exp_avg', 'exp_avg_sq'];
  t.deepEqual([...suffixes].sort(), ['', ...small, 'm_absmax', 'm_codes', 'v_absmax', 'v_codes']);
});

test('each stage says which file of the one before is missing', async (t) => {
  const run = await aRun(t, loraJob);
  const missing = (name: string) => ({
    code: 'E_INTERNAL',
    message: `${join(run.folder, name)} is missing; an earlier stage writes it`,
  });
  await t.throwsAsync(run.train(), missing('prepared.json'));
  await t.throwsAsync(run.publish(), missing('prepared.json'));
  t.deepEqual(await readdir(run.destination), []);
});
