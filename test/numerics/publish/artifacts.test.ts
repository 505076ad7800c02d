// What a run leaves for others: each form read back from its folder and compared with what was
// trained.
import { cp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { openSafetensors } from '../../../worker/files/safetensors.ts';
import { dtypeEpsilon } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun, type ToyRun } from '../../builders/toy-run.ts';
import type { ToyJobOptions } from '../../toy/toy-job.ts';

test.before(() => setThreads(1));

const rank = 4;
const alpha = 12;

function loraJob(precision: 'Float32' | 'BFloat16', formats: readonly string[]): ToyJobOptions {
  const lora = { rank, alpha: String(alpha), scaling: 'RankStabilized' };
  return {
    name: `lora-${precision.toLowerCase()}`,
    method: {
      preset: 'LoRA',
      precision: { type: precision },
      adapter: { type: 'LoRA', lora: { ...lora, targetModules: ['q_proj', 'down_proj'] } },
    },
    training: { maxSteps: 5, learningRate: '1e-2' },
    formats,
  };
}

async function shardOf(run: ToyRun) {
  const { checkpoint } = await run.trained();
  return openSafetensors(join(checkpoint, 'shard-0.safetensors'));
}

const readJson = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

test('the adapter is what PEFT reads, bit for bit what the last checkpoint holds', async (t) => {
  const run = await aToyRun(t, loraJob('Float32', ['PEFTAdapter']));
  const report = await run.all();
  const folder = join(run.destination, 'adapter');
  t.deepEqual((await readdir(folder)).sort(), [
    ...['README.md', 'adapter_config.json', 'adapter_model.safetensors'],
  ]);
  t.like(await readJson(join(folder, 'adapter_config.json')), {
    ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: rank, lora_alpha: alpha },
    ...{ use_rslora: true, init_lora_weights: true, bias: 'none', fan_in_fan_out: false },
    target_modules: ['down_proj', 'q_proj'],
  });
  using stored = await shardOf(run);
  using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
  const names = [...adapter.header.tensors.keys()];
  t.is(names.length, 3 * 2 * 2);
  for (const name of names) {
    t.regex(name, /^base_model\.model\.model\.layers\.\d\.\w+\.(q|down)_proj\.lora_[AB]\.weight$/);
    scope(() => {
      const inCheckpoint = stored.load(name.replace('base_model.model.', ''));
      t.deepEqual(toArray(adapter.load(name)), toArray(inCheckpoint));
    });
  }
  const [artifact] = report.artifacts;
  t.is(artifact?.reload?.largestLogitGap, 0);
  t.is(artifact?.bytes, (await stat(join(folder, 'adapter_model.safetensors'))).size);
  t.like(run.ofType('artifact')[0], { format: 'PEFTAdapter', path: folder });
});

test('a head that trained in float32 among weights in bfloat16 is rounded as they are', async (t) => {
  const run = await aToyRun(t, {
    name: 'whole-encoder',
    family: 'bert',
    method: { preset: 'Full', precision: { type: 'BFloat16' } },
    training: { maxSteps: 3, learningRate: '1e-3' },
    formats: ['MergedSafetensors'],
  });
  const report = await run.all();
  using merged = openModel(join(run.destination, 'merged'));
  t.is(merged.headers.tensors.get('classifier.weight')?.type, 'BF16');
  // Rounded, which is said of the form, so that it is compared as such.
  t.true((report.artifacts[0]?.reload?.largestLogitGap ?? 0) > 0);
});

test('RandLoRA is what PEFT reads: diagonals of layers, and matrices that are there once', async (t) => {
  const targetModules = ['down_proj', 'gate_proj'];
  const run = await aToyRun(t, {
    name: 'randlora',
    method: {
      ...{ preset: 'RandLoRA', precision: { type: 'Float32' } },
      adapter: { type: 'RandLoRA', randLora: { rank: 6, targetModules } },
    },
    training: { maxSteps: 2, learningRate: '1e-3' },
    formats: ['PEFTAdapter', 'MergedSafetensors'],
  });
  const report = await run.all();
  t.deepEqual(
    report.artifacts.map(({ format }) => format),
    ['PEFTAdapter', 'MergedSafetensors'],
  );
  t.is(report.artifacts[0]?.reload?.largestLogitGap, 0);
  const folder = join(run.destination, 'adapter');
  t.like(await readJson(join(folder, 'adapter_config.json')), {
    ...{ peft_type: 'RANDLORA', r: 6, randlora_alpha: 120, save_projection: true },
    target_modules: targetModules,
  });
  using stored = await shardOf(run);
  using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
  const names = [...adapter.header.tensors.keys()];
  t.is(names.length, 2 + 3 * 2 * 2);
  scope(() => {
    for (const name of names.filter((each) => each.startsWith('base_model.model.'))) {
      const inCheckpoint = stored.load(name.replace('base_model.model.', ''));
      t.deepEqual(toArray(adapter.load(name)), toArray(inCheckpoint), name);
    }
    // Each layer has 64 on one side and 96 on the other: PEFT asks for 96 on both.
    const [A, B] = ['A', 'B'].map((one) => adapter.load(`base_model.randlora_${one}`));
    t.deepEqual(A?.shape, [6, 1, 96]);
    t.deepEqual(B?.shape, [96, 16, 6]);
    const used = (matrix: Tensor, columns: number) =>
      Array.from({ length: matrix.shape[0] ?? 0 }, (_, row) => {
        const values = toArray(ops.flatten(ops.select(matrix, 0, row)));
        return [values.slice(0, columns), values.slice(columns)].map(
          (part) => part.filter((x) => x !== 0).length,
        );
      });
    const [ofA, ofB] = [used(A!, 64), used(B!, 11 * 6)];
    t.deepEqual(
      ofA,
      ofA.map(() => [64, 0]),
    );
    t.deepEqual(
      ofB,
      ofB.map(() => [66, 0]),
    );
  });
});

test('KaSA in the form of PEFT is what trained, and less than half of the LoRA for any loader', async (t) => {
  const run = await aToyRun(t, {
    name: 'kasa',
    method: {
      ...{ preset: 'KaSA', precision: { type: 'Float32' } },
      adapter: { type: 'KaSA', kasa: { rank: 4, alpha: '6', dropout: '0.1', beta: '0.5' } },
    },
    training: { maxSteps: 2, learningRate: '1e-3' },
    formats: ['KaSA', 'PEFTAdapter'],
  });
  const { artifacts } = await run.all();
  t.deepEqual(
    artifacts.map(({ format }) => format),
    ['KaSA', 'PEFTAdapter'],
  );
  t.is(artifacts[0]?.reload?.largestLogitGap, 0);
  t.true((artifacts[0]?.bytes ?? 0) < 0.6 * (artifacts[1]?.bytes ?? 0));
  const folder = join(run.destination, 'kasa');
  t.like(await readJson(join(folder, 'adapter_config.json')), {
    ...{ peft_type: 'LORA', r: 4, lora_alpha: 6, lora_dropout: 0.1 },
    kasa_config: { beta: 0.5, gamma: 1e-3 },
  });
  using stored = await shardOf(run);
  using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
  const names = [...adapter.header.tensors.keys()];
  t.is(names.length, 3 * 7 * 3);
  t.is(names.filter((name) => name.endsWith('.lora_diag')).length, 3 * 7);
  scope(() => {
    for (const name of names) {
      const inCheckpoint = stored.load(name.replace('base_model.model.', ''));
      t.deepEqual(toArray(adapter.load(name)), toArray(inCheckpoint), name);
    }
  });
});

const merges = test.macro({
  async exec(t, precision: 'Float32' | 'BFloat16') {
    const run = await aToyRun(t, loraJob(precision, ['MergedSafetensors']));
    const report = await run.all();
    const dtype = precision === 'Float32' ? 'float32' : 'bfloat16';
    using stored = await shardOf(run);
    using base = openModel((await run.prepared()).model.path);
    using merged = openModel(join(run.destination, 'merged'));
    t.deepEqual([...merged.tensorNames].sort(), [...base.tensorNames].sort());
    let adapted = 0;
    for (const name of base.tensorNames) {
      const path = name.replace(/\.weight$/, '');
      scope(() => {
        const found = merged.load(name);
        t.is(found.dtype, dtype);
        const original = base.load(name, { dtype: 'float64' });
        if (!stored.header.tensors.has(`${path}.lora_A.weight`)) {
          t.deepEqual(toArray(found), toArray(ops.to(base.load(name), dtype)), name);
          return;
        }
        adapted += 1;
        const [A, B] = ['A', 'B'].map((factor) =>
          stored.load(`${path}.lora_${factor}.weight`, { dtype: 'float64' }),
        );
        const change = ops.mulScalar(ops.mm(B!, A!), alpha / Math.sqrt(rank));
        const expected = ops.add(original, change);
        const gap = ops.abs(ops.sub(ops.to(found, 'float64'), expected));
        // One rounding to the type of the file of values up to 2, and those of float32 before it:
        // not the two of a base that was rounded to the model's type first.
        const allowed = ops.addScalar(
          ops.mulScalar(ops.abs(expected), dtypeEpsilon(dtype) / 2),
          2 * (rank + 3) * dtypeEpsilon('float32'),
        );
        t.true(
          toArray(ops.sub(gap, allowed)).every((over) => over <= 0),
          name,
        );
        t.true(
          toArray(change).some((x) => x !== 0),
          name,
        );
      });
    }
    t.is(adapted, 6);
    const config = await readJson(join(run.destination, 'merged/config.json'));
    t.is(config.torch_dtype, dtype);
    const names = await readdir(join(run.destination, 'merged'));
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'README.md']) {
      t.true(names.includes(name), name);
    }
    const gap = report.artifacts[0]?.reload?.largestLogitGap ?? Number.NaN;
    // Three blocks of products over 96 values, on logits of size 10.
    t.true(gap <= 100 * 10 * dtypeEpsilon(dtype), `${gap}`);
  },
  title: (_, precision) =>
    `a merged model in ${precision} is the original weight and the change, rounded once`,
});
test(merges, 'Float32');
test(merges, 'BFloat16');

test('one run can leave every form, each in its folder with its check', async (t) => {
  const formats = ['PEFTAdapter', 'MergedSafetensors', 'GGUF'];
  const run = await aToyRun(t, loraJob('Float32', formats));
  const report = await run.all();
  t.deepEqual((await readdir(run.destination)).sort(), [
    'adapter',
    'gguf',
    'merged',
    'report.json',
  ]);
  t.deepEqual(
    report.artifacts.map(({ format }) => format),
    formats,
  );
  for (const { format, path, reload } of report.artifacts) {
    t.true((await readdir(path)).includes('README.md'));
    const allowed = format === 'GGUF' ? 2 ** -8 : 2 ** -23;
    // The default type of GGUF matrices is BF16.
    t.true((reload?.largestLogitGap ?? 1) <= 100 * 10 * allowed, `${format}`);
    t.true((reload?.klDivergence ?? 1) < 0.01);
  }
  t.deepEqual(await readJson(join(run.destination, 'report.json')), report);
  t.true((await readdir(join(run.destination, 'gguf'))).includes('lora-float32.BF16.gguf'));
});

for (const precision of ['Float32', 'BFloat16'] as const) {
  test(`an adapter in ${precision} that took over a part of the weights is of twice the rank, on the base as it was`, async (t) => {
    const run = await aToyRun(t, {
      name: 'pissa',
      method: {
        ...{ preset: 'PiSSA', precision: { type: precision } },
        // Keys and values of the toy have 32 outputs.
        adapter: { type: 'PiSSA', pissa: { rank: 40, alpha: '20', directions: 'Exact' } },
      },
      training: { maxSteps: 5, learningRate: '1e-2' },
      formats: ['PEFTAdapter', 'MergedSafetensors', 'GGUF'],
    });
    const { artifacts } = await run.all();
    for (const { reload, format } of artifacts) {
      t.true((reload?.klDivergence ?? 1) <= (reload?.allowedDivergence ?? 0), format);
    }
    const folder = join(run.destination, 'adapter');
    t.like(await readJson(join(folder, 'adapter_config.json')), {
      ...{ r: 80, lora_alpha: 40, use_rslora: false, init_lora_weights: true },
      rank_pattern: { k_proj: 64, v_proj: 64 },
      alpha_pattern: { k_proj: 32, v_proj: 32 },
    });
    using stored = await shardOf(run);
    t.false(stored.header.tensors.has('model.layers.0.mlp.up_proj.weight'));
    using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
    using base = openModel((await run.prepared()).model.path);
    using merged = openModel(join(run.destination, 'merged'));
    let compared = 0;
    for (const name of base.tensorNames) {
      const path = name.replace(/\.weight$/, '');
      if (!adapter.header.tensors.has(`base_model.model.${path}.lora_A.weight`)) continue;
      compared += 1;
      scope(() => {
        const [A, B] = ['A', 'B'].map((factor) =>
          adapter.load(`base_model.model.${path}.lora_${factor}.weight`, { dtype: 'float64' }),
        );
        const original = base.load(name, { dtype: 'float64' });
        const expected = ops.add(original, ops.mm(B!, A!), { alpha: 0.5 });
        const found = ops.to(merged.load(name), 'float64');
        // What is left of a weight is rounded to the type of the model, and so is the sum; both are
        // at most as large as the largest of the weight, beside which float32 sums are exact.
        const unit = dtypeEpsilon(precision === 'Float32' ? 'float32' : 'bfloat16');
        const most = Math.max(...toArray(ops.abs(original)), ...toArray(ops.abs(found)));
        const gap = Math.max(...toArray(ops.abs(ops.sub(found, expected))));
        t.true(gap <= most * (unit + 40 * dtypeEpsilon('float32')), `${name}: ${gap}`);
        t.true(Math.max(...toArray(ops.abs(ops.sub(found, original)))) > 10 * gap, name);
      });
    }
    t.is(compared, 3 * 7);
  });
}

test('files of an adapter that lost ranks have the others, and name no layer that has none', async (t) => {
  const run = await aToyRun(t, {
    name: 'sora',
    method: {
      ...{ preset: 'SoRA', precision: { type: 'Float32' }, base: { type: 'Int8' } },
      adapter: { type: 'SoRA', sora: { rank: 3, alpha: '9', threshold: '0.2' } },
    },
    training: { maxSteps: 5, learningRate: '1e-2' },
    formats: ['PEFTAdapter', 'UniformPEFTAdapter', 'GGUFAdapter', 'MergedSafetensors'],
  });
  const { artifacts } = await run.all();
  t.is(artifacts.length, 4);
  for (const { reload, format } of artifacts) {
    t.true((reload?.klDivergence ?? 1) <= (reload?.allowedDivergence ?? 0), format);
  }
  t.is(artifacts[0]?.reload?.largestLogitGap, 0);
  const folder = join(run.destination, 'adapter');
  const config = await readJson(join(folder, 'adapter_config.json'));
  using stored = await shardOf(run);
  using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
  using base = openModel((await run.prepared()).model.path);
  const paths = base.tensorNames.map((name) => name.replace(/\.weight$/, ''));
  const ranks = new Map<string, number>();
  for (const path of paths.filter((each) => stored.header.tensors.has(`${each}.lora_E`))) {
    scope(() => {
      const gates = toArray(stored.load(`${path}.lora_E`));
      const open = gates.flatMap((g, rank) => (g === 0 ? [] : [rank]));
      ranks.set(path, open.length);
      const name = (factor: string) => `base_model.model.${path}.lora_${factor}.weight`;
      t.is(adapter.header.tensors.has(name('A')), open.length > 0, path);
      if (open.length === 0) return;
      const rows = toArray(ops.t(adapter.load(name('B'))));
      const B = toArray(ops.t(stored.load(`${path}.lora_B.weight`)));
      const size = B.length / 3;
      const expected = open.flatMap((rank) =>
        B.slice(rank * size, (rank + 1) * size).map((b) => Math.fround(b * (gates[rank] ?? 0))),
      );
      t.deepEqual(rows, expected, path);
    });
  }
  const found = [...ranks.values()];
  t.is(ranks.size, 3 * 7);
  t.true(found.includes(0) && Math.max(...found) > Math.min(...found.filter((r) => r > 0)));
  using uniform = openSafetensors(
    join(run.destination, 'uniform-adapter/adapter_model.safetensors'),
  );
  const settings = await readJson(join(run.destination, 'uniform-adapter/adapter_config.json'));
  t.deepEqual([settings.rank_pattern, settings.alpha_pattern], [{}, {}]);
  t.is(settings.lora_alpha, 3 * settings.r);
  t.deepEqual([...uniform.header.tensors.keys()], [...adapter.header.tensors.keys()]);
  for (const [name, { shape }] of uniform.header.tensors) {
    scope(() => {
      const dim = name.includes('lora_A') ? 0 : 1;
      const own = adapter.load(name);
      t.is(shape[dim], settings.r, name);
      const [values, rest] = ops.splitSizes(
        uniform.load(name),
        [own.shape[dim] ?? 0, settings.r - (own.shape[dim] ?? 0)],
        dim,
      );
      t.deepEqual(toArray(values!), toArray(own), name);
      t.true(
        toArray(rest!).every((value) => value === 0),
        name,
      );
    });
  }
  // Patterns are whole paths or last parts of them; alpha over rank is the scale of all.
  const of = (pattern: Readonly<Record<string, number>>, path: string, otherwise: number) =>
    Object.entries(pattern).find(([key]) => path === key || path.endsWith(`.${key}`))?.[1] ??
    otherwise;
  for (const [path, rank] of ranks) {
    const isNamed = config.target_modules.some(
      (key: string) => path === key || path.endsWith(`.${key}`),
    );
    t.is(isNamed, rank > 0, path);
    if (rank === 0) continue;
    t.is(of(config.rank_pattern, path, config.r), rank, path);
    t.is(of(config.alpha_pattern, path, config.lora_alpha), 3 * rank, path);
  }
});

test('where no rank is left, files of the adapter have one of zeros', async (t) => {
  const run = await aToyRun(t, {
    name: 'closed',
    method: {
      ...{ preset: 'SoRA', precision: { type: 'Float32' } },
      adapter: { type: 'SoRA', sora: { rank: 2, threshold: '1' } },
    },
    training: { maxSteps: 6, learningRate: '1e-3' },
    formats: ['PEFTAdapter', 'GGUFAdapter'],
  });
  const { artifacts } = await run.all();
  t.deepEqual(
    artifacts.map(({ reload }) => reload?.largestLogitGap),
    [0, 0],
  );
  const folder = join(run.destination, 'adapter');
  const config = await readJson(join(folder, 'adapter_config.json'));
  t.like(config, { r: 1, lora_alpha: 2, rank_pattern: {}, alpha_pattern: {} });
  t.is(config.target_modules.length, 1);
  using adapter = openSafetensors(join(folder, 'adapter_model.safetensors'));
  const names = [...adapter.header.tensors.keys()].sort();
  t.deepEqual(
    names,
    ['A', 'B'].map(
      (factor) => `base_model.model.${config.target_modules[0]}.lora_${factor}.weight`,
    ),
  );
  scope(() => t.true(toArray(adapter.load(names[1] ?? '')).every((value) => value === 0)));
});

test('a quantised base that an adapter took a part from is published merged', async (t) => {
  const run = await aToyRun(t, {
    name: 'lq-lora',
    method: {
      ...{ preset: 'LQLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
      adapter: { type: 'LQLoRA', lqLora: { rank: 8 } },
    },
    training: { maxSteps: 3, learningRate: '1e-3' },
  });
  const { artifacts } = await run.all();
  t.deepEqual(
    artifacts.map(({ format }) => format),
    ['MergedSafetensors'],
  );
  // The adapter has what quantising loses, so that the model is nearer to its original.
  using base = openModel((await run.prepared()).model.path);
  using merged = openModel(join(run.destination, 'merged'));
  scope(() => {
    const name = 'model.layers.1.mlp.up_proj.weight';
    const original = base.load(name, { dtype: 'float32' });
    const quantized = ops.dequantizeWeight(ops.quantizeWeight(original, 1, 32), {
      dtype: 'float32',
    });
    const away = (x: Tensor) => toArray(ops.linalgVectorNorm(ops.sub(x, original)))[0] ?? 0;
    const [ours, plain] = [away(ops.to(merged.load(name), 'float32')), away(quantized)];
    t.true(ours < plain, `${ours} from the original, ${plain} without LQ-LoRA`);
  });
});

test('a full model is published as it was trained', async (t) => {
  const run = await aToyRun(t, {
    name: 'full',
    method: { preset: 'Full', precision: { type: 'BFloat16' } },
    training: { maxSteps: 3, learningRate: '1e-3' },
  });
  const report = await run.all();
  t.is(report.artifacts[0]?.reload?.largestLogitGap, 0);
  using stored = await shardOf(run);
  using merged = openModel(join(run.destination, 'merged'));
  for (const name of merged.tensorNames) {
    scope(() => t.deepEqual(toArray(merged.load(name)), toArray(stored.load(name)), name));
  }
});

test('a form that its evaluation refuses stays where it was written, with its figures', async (t) => {
  const run = await aToyRun(t, {
    ...loraJob('Float32', ['PEFTAdapter', 'GGUF']),
    output: { gguf: { type: 'Q8_0' } },
    evaluation: { overrides: { maxDivergence: '1e-9' } },
  });
  const error = await t.throwsAsync(run.all(), {
    code: 'E_EVALUATION_GATE',
    message:
      /^GGUF, read back, has a KL divergence of \S+ \(\S+ to \S+\) from the trained model on \d+ held-out tokens; weights of 8 bits may have at most 1e-9; it was not published, and lies in \S+gguf.partial$/,
  });
  t.deepEqual((await readdir(run.destination)).sort(), ['adapter', 'gguf.partial']);
  const folder = join(run.destination, 'gguf.partial');
  const names = (await readdir(folder)).sort();
  t.deepEqual(names, ['README.md', 'evaluation.json', 'lora-float32.Q8_0.gguf']);
  const evaluation = await readJson(join(folder, 'evaluation.json'));
  t.like(evaluation, { profile: 'Default', verdict: 'Refuse', data: { records: 'HeldOut' } });
  t.true(error?.message.startsWith(evaluation.findings[0].message));
  t.regex(await readFile(join(folder, 'README.md'), 'utf8'), /^\| evaluation \| refused: /m);
  t.like(run.ofType('artifact')[1], { format: 'GGUF', path: folder, evaluation });
  t.false((await readdir(run.folder)).includes('report.json'));
  // The next attempt begins anew: Q8_0 is within what 8 bits may cost.
  run.startAgain();
  await run.change({ evaluation: { profile: 'Default', tokens: 32_768, instructions: 0 } });
  await run.publish();
  t.deepEqual((await readdir(run.destination)).sort(), ['adapter', 'gguf', 'report.json']);
  const { artifacts } = await readJson(join(run.destination, 'report.json'));
  t.deepEqual(
    artifacts.map((each: { evaluation: { verdict: string } }) => each.evaluation.verdict),
    ['Pass', 'Pass'],
  );
  const [{ evaluation: exact }] = artifacts;
  t.like(exact.checks[1], { metric: 'Divergence', value: 0, low: 0, high: 0, limit: 0.008 });
  t.like(exact.checks[3], { gate: 'NoHarm', verdict: 'Pass' });
  t.true(exact.checks[3].high < 0);
  run.startAgain();
  await run.change({ evaluation: { profile: 'Disabled', tokens: 32_768, instructions: 0 } });
  await run.publish();
  const off = (await readJson(join(run.destination, 'report.json'))).artifacts[1];
  t.deepEqual(off.evaluation, {
    ...{ profile: 'Disabled', checks: [], findings: [], seconds: 0 },
    leftOut: ['everything: spec.evaluation.profile is Disabled'],
  });
});

test('training that made the model worse on held-out records is not published', async (t) => {
  const job = loraJob('Float32', ['PEFTAdapter']);
  const run = await aToyRun(t, { ...job, training: { maxSteps: 4, learningRate: '3' } });
  // Anything is better than the toy as it is drawn: one that learned already.
  const learned = await aToyRun(t, {
    ...{ name: 'learned', method: { preset: 'Full', precision: { type: 'Float32' } } },
    training: { maxSteps: 20, learningRate: '5e-3' },
  });
  await learned.all();
  const model = join(run.record.folder, 'model');
  await rm(model, { recursive: true });
  await cp(join(learned.destination, 'merged'), model, { recursive: true });
  await t.throwsAsync(run.all(), {
    code: 'E_EVALUATION_GATE',
    message: /^PEFTAdapter, read back, has a loss \S+ \(\S+ to \S+\) above that of the base model/,
  });
  t.deepEqual(await readdir(run.destination), ['adapter.partial']);
});

test('without held-out records a result is evaluated on what it was trained on, and says so', async (t) => {
  const job = loraJob('Float32', ['MergedSafetensors']);
  const run = await aToyRun(t, { ...job, dataset: { heldOut: undefined } });
  const [artifact] = (await run.all()).artifacts;
  t.like(artifact?.evaluation, { verdict: 'Pass', data: { records: 'Trained', seed: 0 } });
  const { leftOut = [], data } = artifact?.evaluation ?? {};
  t.true(leftOut.includes('held-out records: the job has none'));
  const trained = (await run.trained()).report.training.tokensSeen;
  t.true((data?.tokens ?? 0) > 0 && (data?.tokens ?? 0) <= trained);
});

test('a wish to stop is heard before the next form, and what is whole stays', async (t) => {
  const run = await aToyRun(t, loraJob('Float32', ['PEFTAdapter', 'MergedSafetensors']));
  await run.prepare();
  await run.train();
  run.onMessage = ({ type }) => {
    if (type === 'artifact') run.stop();
  };
  await t.throwsAsync(run.publish(), { name: 'AbortError' });
  t.deepEqual(await readdir(run.destination), ['adapter']);
});
