// A trained model that is quantized after training: what is read back is what its integers stand
// for, and its report says how far that is from what was trained.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { quantization as quantizationOf } from '../../../crds/api/quantization.ts';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { wordsOf } from '../../../worker/methods/weights/packed-integers.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun } from '../../builders/toy-run.ts';

test.before(() => setThreads(1));

/** Of toys of a few bits: whatever is measured is published. */
const evaluation = {
  overrides: { maxPerplexityRatio: '2', maxDivergence: '10', minAgreement: '0.5' },
};
const training = { maxSteps: 3 };

const cases = {
  'GPTQ of LoRA in bfloat16': {
    method: { preset: 'LoRA' },
    quantization: { bits: 4, groupSize: 32, calibrationSequences: 4 },
    stored: ['weight_packed', 'I32', [64, wordsOf(96, 4)]],
  },
  'GPTQ of the base, without training': {
    method: { preset: 'NoTraining' },
    quantization: { bits: 3, groupSize: 32, calibrationSequences: 4 },
    stored: ['weight_packed', 'I32', [64, wordsOf(96, 3)]],
  },
  'nearest integers of all weights, by rows, split beside inputs of 8 bits': {
    method: { preset: 'Full', precision: { type: 'Float32' } },
    quantization: {
      ...{ method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 },
      ...{ bits: 8, strategy: 'Channel', range: 'Symmetric', activations: 'Int8' },
      ...{ splitChannels: 8, calibrationSequences: 2 },
    },
    stored: ['weight', 'I8', [64, 96]],
  },
  'GPTQ of changes as large as the weights, on an Int8 base': {
    method: { preset: 'RandLoRA', base: { type: 'Int8' } },
    quantization: { bits: 4, groupSize: 32, calibrationSequences: 2 },
    stored: ['weight_packed', 'I32', [64, wordsOf(96, 4)]],
  },
  'CBQ of LoRA, on an Int8 base': {
    method: { preset: 'LoRA', base: { type: 'Int8' } },
    quantization: {
      ...{ method: 'CBQ', iterations: 12, bits: 3, groupSize: 32, calibrationSequences: 4 },
    },
    stored: ['weight_packed', 'I32', [64, wordsOf(96, 3)]],
  },
  'AdaQuant of LoRA, each layer in bits of its own': {
    method: { preset: 'LoRA' },
    quantization: {
      ...{ method: 'AdaQuant', iterations: 20, groupSize: 32, calibrationSequences: 4 },
      averageBits: '4.5',
    },
    stored: ['weight_shape', 'I64', [2]],
  },
  'GPTQ of LoRA to e2m1 in rows of e4m3, beside inputs in e4m3 and what it lost': {
    method: { preset: 'LoRA' },
    quantization: {
      ...{ weights: 'FP4', groupSize: 32, activations: 'Float8', lowRank: 4 },
      calibrationSequences: 2,
    },
    stored: ['weight', 'F8_E4M3', [64, 96]],
  },
  'GPTQ of all weights to NVFP4': {
    method: { preset: 'Full', precision: { type: 'Float32' } },
    quantization: { weights: 'NVFP4', calibrationSequences: 2 },
    stored: ['weight_scale', 'F8_E4M3', [64, 6]],
  },
  'GPTQ of LoRA to MXFP4': {
    method: { preset: 'LoRA' },
    quantization: { weights: 'MXFP4', calibrationSequences: 2 },
    stored: ['weight_scale', 'U8', [64, 3]],
  },
  'smoothed weights with a branch of low rank': {
    method: { preset: 'Full' },
    quantization: {
      ...{ bits: 4, groupSize: 32, calibrationSequences: 4 },
      ...{
        smoothing: 'Search',
        lowRank: 8,
        range: 'Symmetric',
        activations: 'Int4',
        splitChannels: 8,
      },
    },
    stored: ['weight_packed', 'I32', [64, wordsOf(96, 4)]],
  },
} as const;

interface Group {
  readonly targets: readonly string[];
  readonly weights: { readonly num_bits: number };
  readonly input_activations: unknown;
}

type Artifact = RunReport['artifacts'][number];

/** On the held-out records of the job. */
function divergenceOf(artifact: Artifact | undefined): number {
  const check = artifact?.evaluation?.checks.find(({ metric }) => metric === 'Divergence');
  return check?.value ?? Number.NaN;
}

for (const [name, { method, quantization, stored: expected }] of Object.entries(cases)) {
  test.serial(`${name}: the file holds codes near to the model`, async (t) => {
    const steps = method.preset === 'NoTraining' ? 0 : 3;
    const run = await aToyRun(t, {
      ...{ name: 'quantized', method, evaluation, output: { quantization } },
      training: steps === 0 ? null : { maxSteps: steps },
      formats: ['CompressedTensors', 'MergedSafetensors'],
    });
    const report = await run.all();
    t.is(report.training.steps, steps);
    const [integers, merged] = report.artifacts;
    t.is(integers?.format, 'CompressedTensors');
    const divergence = divergenceOf(integers);
    t.true(divergence > 0 && divergence < 0.2, `${divergence}`);
    // What follows is the model as it was trained, or as it is.
    const rest = divergenceOf(merged);
    t.true(steps === 0 ? rest === 0 : rest < divergence / 2, `${rest}`);
    const place = join(run.destination, 'compressed-tensors');
    const config = JSON.parse(await readFile(join(place, 'config.json'), 'utf8'));
    const groups: readonly Group[] = Object.values(config.quantization_config.config_groups);
    const down = 'model.layers.1.mlp.down_proj';
    const own = groups.filter(({ targets }) => targets.includes(down) || targets[0] === 'Linear');
    t.is(own.length, 1);
    const { weights, input_activations: inputs = null } = own[0] ?? {};
    const { bits, activations } = quantizationOf.parse(quantization);
    if ('averageBits' in quantization) t.true(groups.length > 1);
    else t.is(weights?.num_bits, expected[1] === 'F8_E4M3' && expected[0] === 'weight' ? 8 : bits);
    const type = activations === 'Float8' ? 'float' : 'int';
    const given = {
      num_bits: activations === 'Int4' ? 4 : 8,
      type,
      strategy: 'token',
      symmetric: true,
      dynamic: true,
    };
    t.deepEqual(inputs, activations === 'None' ? null : given);
    using stored = openSafetensors(join(place, 'model.safetensors'));
    const [suffix, dtype, shape] = expected;
    const found = stored.header.tensors.get(`${down}.${suffix}`);
    t.is(found?.type, dtype);
    t.deepEqual(found?.shape, [...shape]);
    if (!('lowRank' in quantization)) return;
    using branch = openSafetensors(join(place, 'low-rank/adapter_model.safetensors'));
    t.is(branch.header.tensors.size, 2 * 7 * 3);
    if (!('smoothing' in quantization)) return;
    using dense = openSafetensors(join(run.destination, 'merged/model.safetensors'));
    const norms = [...dense.header.tensors.keys()].filter((one) => one.endsWith('norm.weight'));
    const bytes = (of: typeof dense, norm: string) => String(toArray(of.load(norm)));
    const changed = norms.filter((norm) => bytes(dense, norm) !== bytes(stored, norm));
    t.true(changed.length > 0 && !changed.includes('model.norm.weight'), `${changed}`);
  });
}

test.serial('the layouts of GPTQ and AWQ hold the integers of compressed-tensors', async (t) => {
  const run = await aToyRun(t, {
    ...{ name: 'layouts', method: { preset: 'LoRA' }, training, evaluation },
    output: { quantization: { groupSize: 32, calibrationSequences: 2 } },
    formats: ['CompressedTensors', 'GPTQ', 'AWQ'],
  });
  const report = await run.all();
  const [first, ...others] = report.artifacts.map(divergenceOf);
  t.deepEqual(others, [first, first]);
  const configs = ['gptq', 'awq'].map(async (folder) => {
    const text = await readFile(join(run.destination, folder, 'config.json'), 'utf8');
    return JSON.parse(text).quantization_config;
  });
  const [gptq, awq] = await Promise.all(configs);
  t.like(gptq, { quant_method: 'gptq', checkpoint_format: 'gptq', bits: 4, group_size: 32 });
  t.like(awq, { quant_method: 'awq', version: 'gemm', bits: 4, group_size: 32 });
  const shapesIn = (folder: string) => {
    using stored = openSafetensors(join(run.destination, folder, 'model.safetensors'));
    const own = [...stored.header.tensors].filter(([name]) => name.includes('1.mlp.down_proj'));
    return Object.fromEntries(own.map(([name, { shape }]) => [name.split('.').at(-1), shape]));
  };
  const [groups, outputs, inputs] = [3, 64, 96];
  t.deepEqual(shapesIn('gptq'), {
    ...{ g_idx: [inputs], qweight: [inputs / 8, outputs] },
    ...{ qzeros: [groups, outputs / 8], scales: [groups, outputs] },
  });
  t.deepEqual(shapesIn('awq'), {
    ...{ qweight: [inputs, outputs / 8], qzeros: [groups, outputs / 8] },
    scales: [groups, outputs],
  });
});

test.serial(
  'calibration loses less of the outputs than rounding, and says what it was',
  async (t) => {
    const divergences: number[] = [];
    for (const quantization of [
      { bits: 4, groupSize: 32, method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 },
      { bits: 4, groupSize: 32, calibrationSequences: 8 },
    ]) {
      const run = await aToyRun(t, {
        ...{ name: 'quantized', method: { preset: 'Full' }, evaluation, output: { quantization } },
        training: { maxSteps: 30 },
      });
      const report = await run.all();
      t.deepEqual(
        report.artifacts.map(({ format }) => format),
        ['CompressedTensors'],
      );
      divergences.push(divergenceOf(report.artifacts[0]));
    }
    const [rounded = 0, calibrated = 0] = divergences;
    t.log(calibrated, rounded);
    t.true(calibrated < rounded, `${calibrated} ${rounded}`);
  },
);

test.serial(
  'a run that is stopped while it quantizes stops, and goes on from the beginning',
  async (t) => {
    const run = await aToyRun(t, {
      ...{ name: 'quantized', method: { preset: 'LoRA' }, training, evaluation },
      output: { quantization: { groupSize: 32, calibrationSequences: 2 } },
    });
    await run.prepare();
    await run.train();
    run.onMessage = (message) => {
      if (message.type === 'stage' && message.subject === 'quantized weights') run.stop();
    };
    await t.throwsAsync(run.publish());
    run.startAgain();
    await run.publish();
    t.true(run.messages.some((message) => message.type === 'artifact'));
  },
);

test.serial(
  'columns of a GGUF file may count for what they do, and what is read back is still of its codes',
  async (t) => {
    const files: Buffer[] = [];
    for (const calibrationSequences of [0, 3]) {
      const run = await aToyRun(t, {
        ...{ name: 'columns', method: { preset: 'LoRA' }, training, evaluation, formats: ['GGUF'] },
        output: { gguf: { type: 'Q4_0', calibrationSequences } },
      });
      await run.all();
      files.push(await readFile(join(run.destination, 'gguf/columns.Q4_0.gguf')));
      const passed = run.messages.filter(
        (message) => message.type === 'stage' && message.subject === 'importance of columns',
      );
      t.is(passed.length, calibrationSequences);
    }
    const [plain, weighted] = files;
    t.is(plain!.length, weighted!.length);
    t.false(plain!.equals(weighted!));
  },
);
