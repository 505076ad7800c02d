// The roles of the worker one after the other in this process: what they leave for each other, and what the report says.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { learningRateAt } from '../../crds/plan/steps.ts';
import { runFiles, scoresRecord } from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { verifyCheckpoint } from '../../worker/checkpoint/folder.ts';
import { openSafetensors } from '../../worker/checkpoint/safetensors.ts';
import { systemClock } from '../../worker/clock.ts';
import { lockFile } from '../../worker/prepare/file-lock.ts';
import { requireRecord } from '../../worker/run-folder.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { decode } from '../../worker/weights/affine-groups.ts';
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
  const run = await aRun(t, divergingJob);
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
  const shorter = await aRun(t, { ...divergingJob, training });
  t.is((await shorter.all()).result?.choice, 'Last');
  t.deepEqual(await adapterOf(run), await adapterOf(shorter));

  const last = await aRun(t, { ...divergingJob, checkpoint: { retain: { latest: 1, best: 0 } } });
  const { result } = await last.all();
  t.like(result, { step: report.training.steps, choice: 'Last' });
  t.regex(result?.why ?? '', /spec\.checkpoint\.retain\.best is 0$/);
  t.notDeepEqual(await adapterOf(run), await adapterOf(last));
});

test('a damaged best checkpoint is set aside, and the last state is published with the reason', async (t) => {
  const run = await aRun(t, divergingJob);
  await run.prepare();
  await run.train();
  const { result = '' } = await run.trained();
  await writeFile(join(result, 'shard-0.safetensors'), 'torn');
  run.startAgain();
  await run.train();
  await run.publish();
  const report = await requireRecord(run.folder, runFiles.report, runReport);
  t.like(report.result, { step: report.training.steps, choice: 'Last' });
  t.regex(report.result?.why ?? '', /its checkpoint is not there any more$/);
  t.regex(report.warnings[0]?.message ?? '', /set aside as .*, and it cannot be the result$/);
});

const untimed = ({ samples, evaluation, training, result }: RunReport) => {
  const { stepMs: _, tokensPerSecond: __, ...counts } = training;
  return { samples, evaluation, counts, result };
};

test('a stop in the last evaluation, or in its answers, loses nothing of the report', async (t) => {
  const options = { ...loraJob, checkpoint: { intervalSteps: 100 } };
  const whole = await aRun(t, options);
  const expected = untimed(await whole.all());
  t.is(typeof expected.samples[0]?.after, 'string');
  for (const part of ['Started', 'Running', 'Done']) {
    const run = await aRun(t, options);
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

const lisaJob = (lisa: object): ToyJobOptions => ({
  name: 'lisa',
  method: {
    preset: 'LISA',
    precision: { type: 'Float32' },
    selection: { type: 'LISA', lisa: { activeLayers: 1, intervalSteps: 2, ...lisa } },
  },
  training: { maxSteps: 5, learningRate: '1e-3' },
  checkpoint: { intervalSteps: 1, retain: { latest: 9, best: 0 } },
});

test('LISA says which block moves, and a checkpoint holds the state of that block alone', async (t) => {
  const run = await aRun(t, lisaJob({ trainEmbeddings: false, trainHead: false }));
  await run.prepare();
  await run.train();
  const [plan] = run.ofType('plan');
  // The toy has three blocks and two matrices outside of 400 x 64 each; the last norm trains.
  const { parameters = 0 } = plan?.model ?? {};
  t.is(plan?.trainableParameters, parameters - 2 * 400 * 64);
  const drawn = new Set<number>();
  for (const { step, path } of run.ofType('checkpoint')) {
    const { tensors } = await verifyCheckpoint(path);
    const stateOf = tensors.filter(({ name }) => name.includes('#'));
    const blocks = new Set(stateOf.map(({ name }) => /layers\.(\d+)/.exec(name)?.[1] ?? 'norm'));
    const said = run.ofType('step').find((message) => message.step === step)?.method ?? '';
    const block = /^block (\d) of 3, until step \d$/.exec(said)?.[1];
    t.deepEqual([...blocks].sort(), [block, 'norm'], said);
    drawn.add(Number(block));
    t.true(tensors.every(({ name }) => !/embed_tokens|lm_head/.test(name)));
  }
  t.true(drawn.size > 1, 'a draw lies between two checkpoints');
});

test('LISA trains, publishes a whole model that is read back, and counts what trains', async (t) => {
  for (const [lisa, frozen] of [
    [{}, 0],
    [{ trainHead: false }, 400 * 64],
    [{ trainFinalNorm: false }, 64],
  ] as const) {
    const report = await (await aRun(t, lisaJob(lisa))).all();
    t.is(report.model.trainableParameters, report.model.parameters - frozen);
    t.deepEqual(
      report.artifacts.map(({ format, reload }) => [format, reload?.largestLogitGap]),
      [['MergedSafetensors', 0]],
    );
    t.true((report.training.lastLoss ?? 9) < (report.training.firstLoss ?? 0));
    t.regex(report.job.summary, /1 block at a time by LISA/);
  }
});

test('GaLore keeps a basis and means of its size for each matrix of a block, and publishes a whole model', async (t) => {
  const run = await aRun(t, {
    name: 'galore',
    method: {
      preset: 'GaLore',
      precision: { type: 'BFloat16', bfloat16: { masters: 'StochasticRounding' } },
      optimizer: { type: 'GaLore', galore: { rank: 4, scale: '1', refreshSteps: 2 } },
    },
    training: { maxSteps: 4, learningRate: '1e-3' },
  });
  const report = await run.all();
  t.true((report.training.lastLoss ?? 9) < (report.training.firstLoss ?? 0));
  t.is(report.artifacts[0]?.reload?.largestLogitGap, 0);
  const { tensors } = await verifyCheckpoint((await run.trained()).checkpoint);
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const down = 'model.layers.1.mlp.down_proj.weight';
  t.deepEqual(shapes.get(`${down}#basis`), [64, 4]);
  t.deepEqual(shapes.get(`${down}#exp_avg`), [4, 96]);
  t.deepEqual(shapes.get('model.embed_tokens.weight#exp_avg'), [400, 64]);
  t.false(shapes.has('model.embed_tokens.weight#basis'));
  const bases = [...shapes.keys()].filter((name) => name.endsWith('#basis'));
  t.is(bases.length, 3 * 7);
});

test('PV-Tuning keeps codes, tells which changed, and publishes the same bits in two forms', async (t) => {
  const run = await aRun(t, {
    name: 'pv-tuning',
    method: {
      preset: 'PVTuning',
      base: { type: 'Codebook', codebook: { bits: 4, groupSize: 4 } },
      optimizer: { type: 'PVTuning', pvTuning: { maxCodeChange: '0.1' } },
    },
    training: { maxSteps: 8, learningRate: '1e-2' },
    formats: ['AQLM', 'MergedSafetensors'],
  });
  const said: string[] = [];
  const notes: string[] = [];
  run.onMessage = (message) => {
    if (message.type === 'step') said.push(message.method ?? '');
    if (message.type === 'stage') notes.push(message.note ?? '');
  };
  const report = await run.all();
  t.true((report.training.lastLoss ?? 9) < (report.training.firstLoss ?? 0));
  t.is(said.length, 8);
  for (const each of said) t.regex(each, /^[\d.]+(e-\d)? % of codes changed$/);
  t.true(
    said.some((each) => Number.parseFloat(each) > 0),
    said.join(),
  );
  t.true(notes.some((note) => /^what codes leave out is [\d.]+ % of the weights$/.test(note)));
  t.deepEqual(
    report.artifacts.map(({ format, reload }) => [format, reload?.largestLogitGap]),
    [
      ['AQLM', 0],
      ['MergedSafetensors', 0],
    ],
  );
  t.is(report.model.trainableParameters, report.model.parameters);
  const { tensors } = await verifyCheckpoint((await run.trained()).checkpoint);
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const down = 'model.layers.1.mlp.down_proj.weight';
  t.deepEqual(shapes.get(down), [64, 24, 2]);
  t.deepEqual(shapes.get(`${down}#codebooks`), [2, 16, 4]);
  t.deepEqual(shapes.get(`${down}#scales`), [64]);
  t.deepEqual(shapes.get(`${down}#buffer`), [64, 96]);
  using published = openSafetensors(join(run.destination, 'aqlm/model.safetensors'));
  const path = 'model.layers.1.mlp.down_proj';
  const shapeOf = (name: string) => published.header.tensors.get(`${path}.${name}`)?.shape;
  t.deepEqual(shapeOf('codes'), [64, 24, 2]);
  t.deepEqual(shapeOf('codebooks'), [2, 16, 1, 4]);
  t.deepEqual(shapeOf('scales'), [64, 1, 1, 1]);
  t.is(shapeOf('weight'), undefined);
});

test('a run that is stopped while codes are chosen stops there, and begins again', async (t) => {
  const run = await aRun(t, {
    name: 'pv-stopped',
    method: { preset: 'PVTuning', base: { type: 'Codebook', codebook: { bits: 4, groupSize: 4 } } },
    training: { maxSteps: 1, learningRate: '1e-2' },
    formats: ['AQLM'],
  });
  await run.prepare();
  const chosen: number[] = [];
  run.onMessage = (message) => {
    if (message.type !== 'stage' || message.state !== 'Running') return;
    if (message.subject === 'codes of weights' && chosen.push(message.done ?? 0) === 2) run.stop();
  };
  await t.throwsAsync(run.train(), { name: 'AbortError' });
  t.deepEqual(chosen, [1, 2]);
  run.startAgain();
  await run.train();
  t.is((await run.trained()).report.training.steps, 1);
});

test('Q-GaLore keeps codes of 8 bits for the matrices of blocks, and publishes what they stand for', async (t) => {
  const run = await aRun(t, {
    name: 'q-galore',
    method: {
      preset: 'QGaLore',
      optimizer: { type: 'QGaLore', qGalore: { rank: 8, scale: '1', refreshSteps: 2 } },
    },
    training: { maxSteps: 6, learningRate: '2e-3' },
    formats: ['MergedSafetensors', 'GGUF'],
  });
  const report = await run.all();
  t.true((report.training.lastLoss ?? 9) < (report.training.firstLoss ?? 0));
  t.is(report.model.trainableParameters, report.model.parameters);
  t.deepEqual(
    report.artifacts.map(({ format, reload }) => [format, reload?.largestLogitGap]),
    [
      ['MergedSafetensors', 0],
      ['GGUF', 0],
    ],
  );
  const { checkpoint } = await run.trained();
  const shapes = new Map(
    (await verifyCheckpoint(checkpoint)).tensors.map((one) => [one.name, one.shape]),
  );
  const down = 'model.layers.1.mlp.down_proj.weight';
  t.deepEqual(shapes.get(`${down}#scales`), [64, 1]);
  t.deepEqual(shapes.get(`${down}#zeros`), [64, 1]);
  t.deepEqual(shapes.get(`${down}#basis_codes`), [(64 * 8) / 2]);
  t.false(shapes.has('model.embed_tokens.weight#scales'));
  using file = openSafetensors(join(checkpoint, 'shard-0.safetensors'));
  using codes = keep(file.load(down));
  t.is(codes.dtype, 'uint8');
  using published = openSafetensors(join(run.destination, 'merged/model.safetensors'));
  t.deepEqual(
    scope(() =>
      toArray(
        decode(
          {
            codes,
            scales: file.load(`${down}#scales`),
            zeros: file.load(`${down}#zeros`),
          },
          'bfloat16',
        ),
      ),
    ),
    scope(() => toArray(published.load(down))),
  );
});

test('OwLore counts outliers once, before the first step, and a run that goes on draws as the undisturbed one', async (t) => {
  const job: ToyJobOptions = {
    name: 'owlore',
    method: {
      preset: 'OwLore',
      precision: { type: 'Float32' },
      selection: {
        type: 'OwLore',
        owlore: {
          ...{ activeLayers: 1, intervalSteps: 1, outlierThreshold: '2', floor: '0.2' },
          calibrationSequences: 4,
        },
      },
      optimizer: { type: 'GaLore', galore: { rank: 8, refreshSteps: 2 } },
    },
    training: { maxSteps: 8, learningRate: '1e-3' },
    checkpoint: { intervalSteps: 4 },
  };
  const whole = await aRun(t, job);
  const report = await whole.all();
  t.is(report.artifacts[0]?.reload?.largestLogitGap, 0);
  const counted = whole.ofType('stage').filter(({ subject }) => subject === 'outliers of blocks');
  t.like(counted.at(-1), { stage: 'Prepare', state: 'Done' });
  t.is(counted.filter(({ state }) => state === 'Running').length, 4);
  const { scores } = await requireRecord(whole.folder, runFiles.scores, scoresRecord);
  t.is(scores.length, 3);
  t.true(scores.every((score) => score > 0));

  const stopped = await aRun(t, job);
  await stopped.prepare();
  stopped.onMessage = (message) => {
    if (message.type === 'step' && message.step === 3) stopped.stop();
  };
  await t.throwsAsync(stopped.train(), { name: 'AbortError' });
  stopped.startAgain();
  await stopped.train();
  t.is(stopped.ofType('stage').filter(({ subject }) => subject === 'outliers of blocks').length, 0);
  const said = (run: ToyRun, from: number) =>
    run.ofType('step').flatMap(({ step, method, loss }) => (step > from ? [[method, loss]] : []));
  t.deepEqual(said(stopped, 3), said(whole, 3));
  const file = async (run: ToyRun) =>
    readFile(join((await run.trained()).checkpoint, 'shard-0.safetensors'));
  t.deepEqual(await file(stopped), await file(whole));

  // Without the file the scores are those of the base, not of what was trained since.
  await rm(join(stopped.folder, runFiles.scores));
  stopped.startAgain();
  await stopped.train();
  t.deepEqual((await requireRecord(stopped.folder, runFiles.scores, scoresRecord)).scores, scores);
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

test('two runs that name one place for their results publish one after the other', async (t) => {
  const first = await aRun(t, loraJob);
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
    const run = await aRun(t, {
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
      // Six steps of Adam on sums in another order: a unit of float32 in a gradient, as a share of the rate.
      t.true(Math.abs(loss - (one[step] ?? 0)) <= 1e-4 * loss, `step ${step}: ${loss}`);
    }
  }
});
