// A step of Whisper: its gradients against finite differences, and that packing, padding,
// micro-batches and tapes change nothing.
import test from 'ava';
import { mergeSequences } from '../../../worker/data/merge-sequences.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { TensorSpec } from '../../../worker/families/family.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import { s2Lora } from '../../../worker/methods/adapters/s2-lora.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { native } from '../../../worker/tensor/native.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import {
  gradientsAreSlopes,
  losesOnlyRounding,
  reordered,
  tapesAreAlike,
  toyLora,
} from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { soundSequence, toySounds, whisperSource } from '../../toy/whisper.ts';

test.before(() => setThreads(1));

const fixed = 'model.encoder.embed_positions.weight';

interface Built {
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly changes?: Readonly<Record<string, unknown>>;
  readonly trains?: (spec: TensorSpec) => boolean;
}

function aModel({ dtype = 'float64', adapter = null, changes = {}, trains }: Built = {}): Model {
  return buildModel(whisperSource(changes), {
    ...{ dtype, adapter, sequenceLength: 16, ...(trains && { trains }) },
  });
}

const plain = {
  ...({ rank: 4, alpha: 8, dropout: 0, seed: 5n, dtype: 'float64' } as const),
};
const packed = [
  soundSequence(toySounds, { padding: 2 }),
  soundSequence(toySounds.slice(0, 1), { key: 1, frames: 9 }),
];
const variants = {
  'all of its positions': [{}, packed],
  relu: [{ activation_function: 'relu' }, packed.slice(0, 1)],
  'one block each': [{ encoder_layers: 1, decoder_layers: 1 }, packed.slice(0, 1)],
} as const;

for (const [title, [changes, sequences]] of Object.entries(variants)) {
  test(`the gradient of every tensor is the slope of the loss: ${title}`, (t) => {
    const model = aModel({ changes });
    using _parameters = model.parameters;
    gradientsAreSlopes(t, model, sequences, { fixed });
  });
}

for (const dtype of ['float64', 'float32', 'bfloat16'] as const) {
  test(`the same bits with every mode of tape, in ${dtype}`, (t) => {
    const model = aModel({ dtype });
    using _parameters = model.parameters;
    tapesAreAlike(t, model, packed);
  });
}

test('sounds in one bin, with padding, are the sounds alone', (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const each = toySounds.map((sound, key) => soundSequence([sound], { key }));
  const alone = gradientsOf(model, each);
  const variants = {
    together: soundSequence(toySounds),
    // Longer than the table of positions.
    padded: soundSequence(toySounds, { padding: 30 }),
    merged: mergeSequences(each, 3)[0],
  };
  for (const [how, sequence] of Object.entries(variants)) {
    const gap = sequence && stepGap(alone, gradientsOf(model, [sequence]));
    t.true((gap ?? 1) <= reordered, `${how}: ${gap}`);
  }
  const silent = soundSequence([], { padding: 5, key: 9 });
  t.is(stepGap(alone, gradientsOf(model, [...each, silent])), 0, 'padding alone');
});

test('in smaller types it loses only their rounding', (t) => {
  const allowed = { float32: 1e-4, bfloat16: 0.3 };
  losesOnlyRounding(t, (dtype) => aModel({ dtype }), packed, allowed);
});

test('what trains alone has the gradients that it has beside all others', (t) => {
  const all = aModel();
  using _all = all.parameters;
  const whole = gradientsOf(all, packed);
  for (const trained of [/encoder\.layers\.1\./, /decoder\.layers\.2\./, /conv1/, /embed_tokens/]) {
    const model = aModel({ trains: ({ name }) => trained.test(name) });
    using _parameters = model.parameters;
    const { gradients } = gradientsOf(model, packed);
    t.is(gradients.size, [...whole.gradients.keys()].filter((each) => trained.test(each)).length);
    for (const [name, values] of gradients) t.deepEqual(values, whole.gradients.get(name), name);
  }
});

test('with a frozen encoder nobody asks for the gradient of its states', (t) => {
  const asked = (targets: (path: string) => boolean) => {
    const model = aModel({ adapter: toyLora(targets, 'float64') });
    using _parameters = model.parameters;
    const { grad } = native;
    const counts: number[] = [];
    native.grad = (outputs, inputs, seeds) => {
      counts.push(inputs.length);
      return grad(outputs, inputs, seeds);
    };
    try {
      gradientsOf(model, packed.slice(0, 1));
    } finally {
      native.grad = grad;
    }
    return counts;
  };
  // The head's rows; then of each block of the decoder its input and two factors.
  t.deepEqual(
    asked((path) => /decoder\.layers\.\d\.fc1$/.test(path)),
    [1, 3, 3, 3],
  );
  // With a block of the encoder, the states as well, and what they are made of.
  t.deepEqual(
    asked((path) => /encoder\.layers\.1\.fc1$/.test(path)),
    [1, 2, 2, 2, 1, 3],
  );
});

for (const [name, adapter] of [
  ['LoRA', (targets: (path: string) => boolean) => toyLora(targets, 'float64')],
  [
    'S2-LoRA',
    (targets: (path: string) => boolean) =>
      s2Lora({ ...plain, targets, threshold: 0, learningRateRatio: 1, orthogonality: 0 }),
  ],
] as const) {
  test(`${name} on all layers has the gradients of the dense weights, with every tape`, (t) => {
    const model = aModel({ adapter: adapter(() => true) });
    using _parameters = model.parameters;
    t.is(model.adapted.size, 2 * 6 + 3 * 10);
    const [kept, again] = (['keep', 'recompute'] as const).map((mode) =>
      gradientsOf(model, packed, mode),
    );
    t.deepEqual(kept, again);
    const dense = aModel();
    using _dense = dense.parameters;
    const whole = gradientsOf(dense, packed);
    t.true(Math.abs((kept?.loss ?? 9) - whole.loss) <= reordered);
    for (const { path, out, in: inputs } of model.adapted.values()) {
      scope(() => {
        const G = tensor(whole.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const value = (of: string) => model.parameters.value(of);
        const size = `${out}x${inputs}`;
        // Of what is zero at first, with a scale of 2.
        const [suffix, expected] =
          name === 'LoRA'
            ? ['lora_B.weight', ops.mm(G, ops.t(value(`${path}.lora_A.weight`)))]
            : [
                's2lora_c',
                ops.sumDim(
                  ops.mul(ops.mm(ops.t(value(`s2lora_P.${size}`)), G), value(`s2lora_Q.${size}`)),
                  [1],
                ),
              ];
        const theirs = toArray(ops.mulScalar(expected, 2));
        const ours = kept?.gradients.get(`${path}.${suffix}`) ?? [];
        const off = Math.max(...theirs.map((x, i) => Math.abs(x - (ours[i] ?? Number.NaN))));
        t.true(off <= reordered * Math.max(1, ...theirs.map(Math.abs)), `${path}: ${off}`);
      });
    }
  });
}

test('adapters go to all linear layers of the blocks by their module paths', (t) => {
  const layers = linearLayers(whisperSource().config);
  t.is(layers.length, 2 * 6 + 3 * 10);
  const paths = layers.map(({ path }) => path);
  t.true(paths.includes('model.decoder.layers.2.encoder_attn.k_proj'));
  t.false(paths.some((path) => /conv|embed|proj_out/.test(path)));
  const [last] = layers.slice(-1);
  t.is(last?.layer, 4, 'blocks are numbered through both halves');
});

test('held-out loss and accuracy are those of the words', async (t) => {
  const model = aModel();
  using _parameters = model.parameters;
  const found = await heldOutLoss(model, packed, () => false);
  const { loss } = gradientsOf(model, packed);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 4 + 2 + 7 + 4);
});
