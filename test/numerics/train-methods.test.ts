// What each method keeps, says and publishes in a run of the worker in this process.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runFiles, scoresRecord } from '../../crds/wire/run-folder.ts';
import { verifyCheckpoint } from '../../worker/checkpoint/folder.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { decode } from '../../worker/methods/weights/affine-groups.ts';
import { requireRecord } from '../../worker/run-folder.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { aToyRun, type ToyRun } from '../builders/toy-run.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';

test.before(() => setThreads(1));

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
  const run = await aToyRun(t, lisaJob({ trainEmbeddings: false, trainHead: false }));
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
    const report = await (await aToyRun(t, lisaJob(lisa))).all();
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
  const run = await aToyRun(t, {
    name: 'galore',
    method: {
      preset: 'GaLore',
      precision: { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } },
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
  const run = await aToyRun(t, {
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
  t.true(notes.some((note) => /^relative error of the weights [\d.]+ %$/.test(note)));
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
  const run = await aToyRun(t, {
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
  const run = await aToyRun(t, {
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
  const whole = await aToyRun(t, job);
  const report = await whole.all();
  t.is(report.artifacts[0]?.reload?.largestLogitGap, 0);
  const counted = whole.ofType('stage').filter(({ subject }) => subject === 'outliers of blocks');
  t.like(counted.at(-1), { stage: 'Prepare', state: 'Done' });
  t.is(counted.filter(({ state }) => state === 'Running').length, 4);
  const { scores } = await requireRecord(whole.folder, runFiles.scores, scoresRecord);
  t.is(scores.length, 3);
  t.true(scores.every((score) => score > 0));

  const stopped = await aToyRun(t, job);
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
