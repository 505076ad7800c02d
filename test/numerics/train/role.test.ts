// The roles of the worker one after the other in this process: what they leave for each other, and
// what the report says.
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { learningRateAt } from '../../../crds/plan/steps.ts';
import { runFiles } from '../../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../../crds/wire/run-report.ts';
import { verifyCheckpoint } from '../../../worker/checkpoint/folder.ts';
import { lockFile } from '../../../worker/files/file-lock.ts';
import { requireRecord } from '../../../worker/run-folder.ts';
import { lifeIn } from '../../../worker/telemetry/life.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

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

test('a job that neither trains nor evaluates ends with a report', async (t) => {
  const run = await aToyRun(t, {
    ...{ name: 'copied', method: { preset: 'NoTraining' }, training: null },
    dataset: { heldOut: undefined },
  });
  const { memory, artifacts } = await run.all();
  t.deepEqual([memory.predicted, memory.gap], [undefined, undefined]);
  t.true(memory.measured.peak > 0);
  t.is(artifacts[0]?.format, 'MergedSafetensors');
});

const floats = (bytes: number) => bytes / 4;

test('the report of a run says what the messages said', async (t) => {
  const run = await aToyRun(t, loraJob);
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
  const run = await aToyRun(t, loraJob);
  await run.prepare();
  await run.train();
  const [plan] = run.ofType('plan');
  // Two targetCount in each of three blocks; q is 64 x 64, down is 64 x 96, rank 4.
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
  const run = await aToyRun(t, loraJob);
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
  const run = await aToyRun(t, loraJob);
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

  const whole = await aToyRun(t, loraJob);
  const expected = await whole.all();
  t.deepEqual(report.evaluation, expected.evaluation);
  t.is(report.training.firstLoss, expected.training.firstLoss);
  t.is(report.training.lastLoss, expected.training.lastLoss);
  const adapter = (each: ToyRun) =>
    readFile(join(each.destination, 'adapter/adapter_model.safetensors'));
  t.deepEqual(await adapter(run), await adapter(whole));
});

/** Learns for a while, until its rising rate throws it off. */
const divergingJob: ToyJobOptions = {
  name: 'diverging',
  method: {
    preset: 'LoRA',
    precision: { type: 'Float32' },
    adapter: { type: 'LoRA', lora: { rank: 4 } },
  },
  training: {
    maxSteps: 12,
    learningRate: '10',
    schedule: { type: 'Constant', warmupSteps: 40 },
    evaluation: { intervalSteps: 2, earlyStopping: { patience: 2 } },
    samples: { prompts: ['what is 3 and 5'], maxTokens: 4 },
  },
  // The best one would be gone, were it not kept as such.
  checkpoint: { intervalSteps: 5, retain: { latest: 1 } },
};

const adapterOf = ({ destination }: ToyRun) =>
  readFile(join(destination, 'adapter/adapter_model.safetensors'));

test('a run that ends worse than it was publishes its best step, bit for bit the run that ends there', async (t) => {
  const run = await aToyRun(t, divergingJob);
  const report = await run.all();
  const best = report.evaluation.best?.step ?? 0;
  t.true(best > 0 && best < report.training.steps, `best ${best} of ${report.training.steps}`);
  t.is(report.end.reason, 'FinishedEarly');
  const losses = report.evaluation.all.slice(1).map(({ loss }) => loss ?? Infinity);
  t.is(report.evaluation.best?.loss, Math.min(...losses));
  t.like(report.result, { step: best, choice: 'Best' });
  const answers = run.ofType('sample').filter(({ step }) => step === best);
  t.is(report.samples[0]?.after, answers[0]?.text, 'the answer is that of what is published');
  t.is(
    (await run.trained()).result,
    join(run.folder, `checkpoints/step-${String(best).padStart(8, '0')}`),
  );
  const card = await readFile(join(run.destination, 'adapter/README.md'), 'utf8');
  t.true(card.includes(`| held-out loss after | ${report.evaluation.best?.loss?.toFixed(4)} |`));
  t.true(card.includes(report.result?.why ?? 'nothing'));

  const training = { ...divergingJob.training, maxSteps: best };
  const shorter = await aToyRun(t, { ...divergingJob, training });
  t.is((await shorter.all()).result?.choice, 'Last');
  t.deepEqual(await adapterOf(run), await adapterOf(shorter));

  const last = await aToyRun(t, {
    ...divergingJob,
    checkpoint: { retain: { latest: 1, best: 0 } },
  });
  const { result } = await last.all();
  t.like(result, { step: report.training.steps, choice: 'Last' });
  t.regex(result?.why ?? '', /spec\.checkpoint\.retain\.best is 0$/);
  t.notDeepEqual(await adapterOf(run), await adapterOf(last));
});

test('a damaged best checkpoint is set aside, and the last state is published with the reason', async (t) => {
  const run = await aToyRun(t, divergingJob);
  await run.prepare();
  await run.train();
  const { result = '' } = await run.trained();
  await writeFile(join(result, 'shard-0.safetensors'), 'torn');
  run.startAgain();
  await run.train();
  await run.publish();
  const report = await requireRecord(run.folder, runFiles.report, runReport);
  t.like(report.result, { step: report.training.steps, choice: 'Last' });
  t.regex(report.result?.why ?? '', /its checkpoint no longer exists$/);
  t.regex(report.warnings[0]?.message ?? '', /set aside as .*, and it cannot be the result$/);
});

const untimed = ({ samples, evaluation, training, result }: RunReport) => {
  const { stepMs: _, processorMs: __, tokensPerSecond: ___, ...counts } = training;
  return { samples, evaluation, counts, result };
};

test('a stop in the last evaluation, or in its answers, loses nothing of the report', async (t) => {
  const options = { ...loraJob, checkpoint: { intervalSteps: 100 } };
  const whole = await aToyRun(t, options);
  const expected = untimed(await whole.all());
  t.is(typeof expected.samples[0]?.after, 'string');
  for (const part of ['Started', 'Running', 'Done']) {
    const run = await aToyRun(t, options);
    await run.prepare();
    run.onMessage = (message) => {
      const last = run.ofType('step').length === 6;
      if (last && message.type === 'stage' && message.state === part) run.stop();
    };
    // With the last answer the training was over before it heard of the stop.
    if (part === 'Done') await run.train();
    else await t.throwsAsync(run.train(), { name: 'AbortError' }, part);
    run.startAgain();
    t.deepEqual(untimed(await run.all()), expected, part);
    t.is(run.ofType('step').length, 0);
  }
});

test('a run that is over is published again without a step', async (t) => {
  const run = await aToyRun(t, loraJob);
  const first = await run.all();
  run.startAgain();
  const second = await run.all();
  t.is(run.ofType('step').length, 0);
  t.deepEqual(second.evaluation, first.evaluation);
  t.like(second.end, { reason: 'Finished', resumedFrom: 6, startedAt: first.end.startedAt });
  // It tells the whole life of the run, not of the process that found nothing to do.
  t.deepEqual(second.training, first.training);
  t.true((second.training.stepMs ?? 0) > 0 && (second.training.tokensPerSecond ?? 0) > 0);
  t.deepEqual(second.checkpoints, first.checkpoints);
  t.is(second.checkpoints.length, 3);
  t.true(second.seconds.train > 0 && second.seconds.train <= second.seconds.total);
  t.true((second.seconds.evaluate ?? 0) > 0);
  // What came after the last save is lost with the process.
  const { life } = await verifyCheckpoint((await run.trained()).checkpoint);
  const { peakBytes = Number.NaN } = lifeIn(life) ?? {};
  t.true(second.memory.measured.peak >= peakBytes);
});

test('of a run that was killed the report has what its last checkpoint had, and all that came after', async (t) => {
  const run = await aToyRun(t, loraJob);
  await run.prepare();
  run.onMessage = (message) => {
    // As soon as that one is on the disk: the next process goes on after it.
    if (message.type === 'checkpoint' && message.step === 4) throw new Error('killed');
  };
  await t.throwsAsync(run.train(), { message: 'killed' });
  const saves = run.ofType('checkpoint').map(({ step, bytes }) => ({ step, bytes }));
  const speeds = run.ofType('step').map(({ stepMs }) => stepMs.total);
  run.startAgain();
  const report = await run.all();
  const after = run.ofType('step').map(({ stepMs }) => stepMs.total);
  t.is(after.length, 2);
  const measured = [...speeds.slice(1, 4), ...after.slice(1)].sort((a, b) => a - b);
  t.is(report.training.stepMs, measured[2]);
  const told = report.checkpoints.map(({ step, bytes }) => ({ step, bytes }));
  t.deepEqual(told.slice(0, 2), saves);
  t.deepEqual(
    told.map(({ step }) => step),
    [2, 4, 6],
  );
  t.true(report.checkpoints.every(({ ms = -1, path }) => ms >= 0 && existsSync(path)));
});

test('an adapter of all linear layers leaves out embedding and head', async (t) => {
  const lora = { rank: 2, targetModules: ['AllLinear'] };
  const method = { ...loraJob.method, adapter: { type: 'LoRA', lora } };
  const run = await aToyRun(t, { ...loraJob, method, training: { maxSteps: 1 } });
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
  const run = await aToyRun(t, {
    name: 'full',
    method: {
      preset: 'Full',
      precision: { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } },
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
  const run = await aToyRun(t, loraJob);
  const missing = (name: string) => ({
    code: 'E_INTERNAL',
    message: `${join(run.folder, name)} is missing; an earlier stage writes it`,
  });
  await t.throwsAsync(run.train(), missing('prepared.json'));
  await t.throwsAsync(run.publish(), missing('prepared.json'));
  t.deepEqual(await readdir(run.destination), []);
});

test('two runs that name one place for their results publish one after the other', async (t) => {
  const first = await aToyRun(t, loraJob);
  await first.prepare();
  await first.train();
  const { path, [Symbol.asyncDispose]: end } = await lockFile(
    join(first.destination, '.publishing'),
    systemClock,
    new AbortController().signal,
  );
  let published = false;
  const publishing = first.publish().then(() => {
    published = true;
  });
  const waits = await new Promise<string>((resolve) => {
    first.onMessage = (message) => {
      if (message.type === 'warning') resolve(message.message);
    };
  });
  t.regex(waits, /^another run is publishing to .*; this one waits until it has ended$/);
  t.false(published);
  t.deepEqual(await readdir(first.destination), ['.publishing']);
  t.truthy(path);
  await end();
  await publishing;
  t.deepEqual((await readdir(first.destination)).sort(), ['adapter', 'report.json']);
});

test('several sequences at once give the same training but for the order of sums', async (t) => {
  const losses: (readonly number[])[] = [];
  for (const microBatchSize of [1, 2, 3]) {
    const run = await aToyRun(t, {
      ...loraJob,
      dataset: { packing: 'None' },
      training: { ...loraJob.training, globalBatchSize: 6, microBatchSize },
    });
    await run.prepare();
    await run.train();
    const tokens = run.ofType('step').map(({ tokensSeen }) => tokensSeen);
    t.is(new Set(tokens).size, 6);
    losses.push(run.ofType('step').map(({ loss }) => loss ?? Number.NaN));
  }
  const [one = [], ...others] = losses;
  for (const other of others) {
    t.notDeepEqual(other, []);
    for (const [step, loss] of other.entries()) {
      // Six steps of Adam on sums in another order: a unit of float32 in a gradient, as a share of
      // the rate.
      t.true(Math.abs(loss - (one[step] ?? 0)) <= 1e-4 * loss, `step ${step}: ${loss}`);
    }
  }
});
