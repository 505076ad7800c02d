// Changes of full rank that are added to copies of weights: their rank, what is drawn, that copies
// exist while a block is computed and no longer, and that how a block is computed changes no bit.
import test from 'ava';
import { freshState } from '../../../../worker/checkpoint/trainer-state.ts';
import { generate } from '../../../../worker/decoding/generate.ts';
import { hiddenStates } from '../../../../worker/engine/forward.ts';
import { type Model, tensorName, tensorsOf } from '../../../../worker/engine/model.ts';
import { withLayer } from '../../../../worker/engine/weights.ts';
import { basisA, basisB, randLora } from '../../../../worker/methods/adapters/randlora.ts';
import { int8 } from '../../../../worker/methods/weights/int8.ts';
import { nf4 } from '../../../../worker/methods/weights/nf4.ts';
import { denseCopy } from '../../../../worker/methods/weights/weight-store.ts';
import { memoryStatistics } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray, toBytes } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { train } from '../../../../worker/train/loop.ts';
import { aToyModel, countUp, Training } from '../../../builders/toy-training.ts';
import { aSequence, gradientsOf } from '../../../builders/training.ts';

const anAdapter = (dtype: 'float32' | 'float64' = 'float32', rank = 6) =>
  randLora({ rank, alpha: 2 * rank, targets: () => true, seed: 5n, dtype });

/** Values of some size in what trains, so that there is a change. */
function move({ parameters }: Pick<Model, 'parameters'>): void {
  for (const { name, value } of parameters.trained()) {
    scope(() => ops.add_(value, normal(value.shape, 0.03, streamOf(2n, name), 'float32')));
  }
}

test('a change has the rank of the weight, whatever the rank of the random matrices', (t) => {
  for (const rank of [1, 6, 40, 200]) {
    const model = aToyModel({ dtype: 'float64', adapter: anAdapter('float64', rank) });
    using _parameters = model.parameters;
    move(model);
    scope(() => {
      for (const { path, out, in: inputs } of model.adapted.values()) {
        const delta = tensorsOf(model, new Map(), null).delta(path);
        if (delta?.form !== 'product') throw new Error(path);
        const [, values] = ops.linalgSvd(ops.mm(delta.B, delta.A), false);
        const all = toArray(values);
        t.is(all.length, Math.min(out, inputs));
        const [first = 0, last = 0] = [all[0], all.at(-1)];
        // What LAPACK leaves of a singular value that is zero.
        t.true(last > 2 ** -52 * Math.max(out, inputs) * first, `${path}: ${first} to ${last}`);
      }
    });
  }
});

test('random matrices have deviation 1, values of bfloat16, and are there once', (t) => {
  const config = { hidden_size: 256, intermediate_size: 512 };
  const [model, exact] = [
    aToyModel({ config, adapter: anAdapter() }),
    aToyModel({ config, dtype: 'float64', adapter: anAdapter('float64') }),
  ];
  using _one = model.parameters;
  using _two = exact.parameters;
  const kept = model.parameters.all().filter(({ role }) => role === 'kept');
  t.deepEqual(
    kept.map(({ name, value }) => [name, value.dtype, value.shape]),
    [
      [basisA, 'bfloat16', [6, 256]],
      [basisB, 'bfloat16', [512, 43 * 6]],
    ],
  );
  for (const { name, value } of kept) {
    scope(() => {
      const values = toArray(ops.to(value, 'float64'));
      t.deepEqual(values, toArray(exact.parameters.value(name)));
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
      // Five deviations of a mean, and of a mean of squares, of that many uniform values.
      t.true(Math.abs(mean) < 5 / Math.sqrt(values.length), `${name}: mean ${mean}`);
      const bound = 5 * Math.sqrt(0.8 / values.length) + 2 ** -8;
      t.true(Math.abs(variance - 1) < bound, `${name}: variance ${variance}`);
    });
  }
});

const stores = { NF4: nf4({ blockSize: 32, scales: 'Float32' }), Int8: int8({ groupSize: 32 }) };
const groups = { hidden_size: 64, intermediate_size: 96 };

for (const [name, store] of Object.entries(stores)) {
  test(`products on a base in ${name} read its dequantized values with the change`, (t) => {
    const model = aToyModel({ config: groups, adapter: anAdapter(), store });
    using _parameters = model.parameters;
    move(model);
    scope(() => {
      for (const { path, layer, out, in: inputs } of model.adapted.values()) {
        const weight = `${path}.weight`;
        t.is(model.parameters.changed(weight), null);
        const delta = tensorsOf(model, new Map(), null).delta(path);
        if (delta?.form !== 'product') throw new Error(path);
        const expected = ops.add(
          denseCopy(model.parameters.get(weight).value, 'float32'),
          ops.mulScalar(ops.mm(delta.B, delta.A), delta.scale),
        );
        withLayer(model, layer, null, () => {
          const tensors = tensorsOf(model, new Map(), null);
          t.is(tensors.delta(path), null, 'nothing is added a second time');
          const found = tensors.weight(weight);
          t.deepEqual(found.shape, [out, inputs]);
          const gap = item(ops.amax(ops.abs(ops.sub(found, expected))));
          // Sums of as many products as the smaller side, in another order.
          const size = item(ops.amax(ops.abs(expected)));
          t.true(gap <= 2 ** -24 * Math.min(out, inputs) * size, `${path}: ${gap} of ${size}`);
        });
      }
    });
  });
}

test('copies take memory while their block is computed, and none after', (t) => {
  const model = aToyModel({ config: groups, adapter: anAdapter() });
  using _parameters = model.parameters;
  const own = [...model.adapted.values()].filter(({ layer }) => layer === 0);
  const bytes = own.reduce((sum, { out, in: inputs }) => sum + 4 * out * inputs, 0);
  withLayer(model, 0, null, () => {});
  const before = memoryStatistics().tensorBytes;
  withLayer(model, 0, null, () => {
    const more = memoryStatistics().tensorBytes - before;
    // The heap rounds each of them up.
    t.true(more >= bytes && more < bytes + own.length * 256, `${more} bytes for ${bytes}`);
  });
  t.is(memoryStatistics().tensorBytes, before);
});

test('kept, recomputed and offloaded blocks give the same bits', (t) => {
  const model = aToyModel({ adapter: anAdapter() });
  using _parameters = model.parameters;
  move(model);
  const sequences = [aSequence([countUp(0, 12)], 1), aSequence([countUp(3, 7)], 2)];
  const kept = gradientsOf(model, sequences, 'keep');
  t.true([...kept.gradients.values()].every((values) => values.some((x) => x !== 0)));
  t.deepEqual(gradientsOf(model, sequences, 'recompute'), kept);
  t.deepEqual(gradientsOf(model, sequences, 'offload'), kept);
});

test('text is generated beside the weights, and is that of changed ones', (t) => {
  const model = aToyModel({ dtype: 'float64', adapter: anAdapter('float64') });
  using _parameters = model.parameters;
  move(model);
  const prompt = countUp(1, 5);
  const options = { maxTokens: 6, temperature: 0, stop: new Set<number>(), draw: () => 0 };
  const made = generate(model, prompt, options);
  const merged = aToyModel({ dtype: 'float64' });
  using _merged = merged.parameters;
  scope(() => {
    for (const { path, layer } of model.adapted.values()) {
      withLayer(model, layer, null, () => {
        const changed: Tensor = tensorsOf(model, new Map(), null).weight(`${path}.weight`);
        ops.copy_(merged.parameters.value(`${path}.weight`), changed);
      });
    }
  });
  t.deepEqual(generate(merged, prompt, options), made);
  const ids = Int32Array.from([...prompt, ...made]);
  const [ours, theirs] = scope(() => [model, merged].map((one) => toArray(hiddenStates(one, ids))));
  t.deepEqual(ours, theirs);
});

test.serial('any number of threads gives the same bits', async (t) => {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const bits: ReadonlyMap<string, Buffer>[] = [];
    for (const threads of [1, 2]) {
      setThreads(threads);
      using training = new Training({
        // Changes of more values than one thread's share.
        ...{ dtype, config: { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 1 } },
        ...{ adapter: anAdapter('float32', 32), batches: [[aSequence([countUp(0, 40)])]] },
        plan: { totalSteps: 2 },
      });
      await train(training.parts, freshState);
      bits.push(training.bits());
    }
    t.deepEqual(bits[1], bits[0]);
  }
});

test('shared tensors have their own names, and others those of their layer', (t) => {
  const adapter = anAdapter();
  t.is(tensorName(adapter, 'model.layers.0.mlp.up_proj', basisA), basisA);
  const own = tensorName(adapter, 'model.layers.0.mlp.up_proj', 'randlora_gamma');
  t.is(own, 'model.layers.0.mlp.up_proj.randlora_gamma');
  const model = aToyModel({ adapter });
  using _parameters = model.parameters;
  t.true(toBytes(model.parameters.value(own)).length > 0);
});
