// A step of two towers: its gradients against finite differences, and that micro-batches, packing,
// padding, tapes and who brings the texts change nothing: the loss is that of the whole batch.
import test from 'ava';
import { mergeSequences } from '../../../worker/data/merge-sequences.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { TensorSpec } from '../../../worker/families/family.ts';
import type { Adapter } from '../../../worker/methods/adapters/adapter.ts';
import { blockLora } from '../../../worker/methods/adapters/block-lora.ts';
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
  refusesTeacher,
  reordered,
  tapesAreAlike,
} from '../../builders/step-properties.ts';
import { gradientsOf, stepGap } from '../../builders/training.ts';
import { clipSource, ofClasses, pairs } from '../../toy/clip.ts';
import type { ClipToy } from '../../toy/clip-json.ts';

test.before(() => setThreads(1));

interface Built {
  readonly dtype?: DType;
  readonly adapter?: Adapter | null;
  readonly trains?: (spec: TensorSpec) => boolean;
}

function aModel(name: ClipToy, { dtype = 'float64', adapter = null, trains }: Built = {}): Model {
  return buildModel(clipSource(name), {
    ...{ dtype, adapter, sequenceLength: 16, ...(trains && { trains }) },
  });
}

const blocks = (targets: (path: string) => boolean) =>
  blockLora({
    ...({ rank: 4, blocks: 2, alpha: 8, dropout: 0, seed: 5n, dtype: 'float64' } as const),
    targets,
  });

const seen = [
  { seed: 1, label: 2 },
  { seed: 2, label: 0 },
  { seed: 3, label: 1 },
  { seed: 4, label: 2 },
];
const batches = {
  pairs: [pairs([1, 2, 3]), pairs([4], { key: 1, padding: 2 })],
  classes: [
    ofClasses(seen.slice(0, 3)),
    ofClasses(seen.slice(3), { key: 1, padding: 2, brings: false }),
  ],
} as const;
const whole = { pairs: pairs([1, 2, 3, 4]), classes: ofClasses(seen) } as const;
const kinds = ['pairs', 'classes'] as const;

for (const name of ['clip', 'dual'] as const) {
  for (const of of kinds) {
    test(`the gradient of every tensor is the slope of the loss: ${name}, ${of}`, (t) => {
      const model = aModel(name);
      using _parameters = model.parameters;
      gradientsAreSlopes(t, model, batches[of]);
    });

    test(`micro-batches have the loss of the whole batch: ${name}, ${of}`, (t) => {
      const model = aModel(name);
      using _parameters = model.parameters;
      const expected = gradientsOf(model, [whole[of]]);
      const [merged] = mergeSequences(batches[of], 2);
      const apart = gradientsOf(model, batches[of]);
      t.true(stepGap(expected, apart) <= reordered, `${stepGap(expected, apart)}`);
      const together = merged && gradientsOf(model, [merged]);
      t.true(together !== undefined && stepGap(expected, together) <= reordered);
      const padded = gradientsOf(
        model,
        batches[of].map((one) => ({ ...one, key: one.key + 3 })).toReversed(),
      );
      t.true(stepGap(expected, padded) <= reordered, 'in another order');
    });

    for (const dtype of ['float64', 'float32', 'bfloat16'] as const) {
      test(`the same bits with every mode of tape: ${name}, ${of}, ${dtype}`, (t) => {
        const model = aModel(name, { dtype });
        using _parameters = model.parameters;
        tapesAreAlike(t, model, batches[of]);
      });
    }
  }

  test(`in smaller types ${name} loses only their rounding`, (t) => {
    const allowed = { float32: 1e-4, bfloat16: 0.3 };
    losesOnlyRounding(t, (dtype) => aModel(name, { dtype }), batches.pairs, allowed);
  });

  test(`what trains alone of ${name} has the gradients that it has beside all others`, (t) => {
    const all = aModel(name);
    using _all = all.parameters;
    const found = gradientsOf(all, batches.pairs);
    const parts = [
      /^vision_model\.encoder\.layers?\.1\./,
      /^text_model\.encoder\.layers?\.0\./,
      /^text_model\.embeddings\./,
      /^text_projection/,
      /^visual_projection|^logit_scale/,
    ];
    for (const part of parts) {
      const model = aModel(name, { trains: (spec) => part.test(spec.name) });
      using _parameters = model.parameters;
      const { gradients } = gradientsOf(model, batches.pairs);
      const names = [...found.gradients.keys()].filter((each) => part.test(each));
      t.is(gradients.size, names.length);
      t.true(names.length > 0, `${part}`);
      for (const [each, values] of gradients) t.deepEqual(values, found.gradients.get(each), each);
    }
  });

  test(`Block-LoRA on all layers of ${name} has the gradients of the dense weights`, (t) => {
    const model = aModel(name, { adapter: blocks(() => true) });
    using _parameters = model.parameters;
    t.is(model.adapted.size, linearLayers(model.config).length);
    t.is(model.adapted.size, 6 * model.config.L);
    const [kept, again] = (['keep', 'recompute'] as const).map((mode) =>
      gradientsOf(model, batches.pairs, mode),
    );
    t.deepEqual(kept, again);
    const dense = aModel(name);
    using _dense = dense.parameters;
    const expected = gradientsOf(dense, batches.pairs);
    for (const { path, out, in: inputs } of model.adapted.values()) {
      scope(() => {
        const G = tensor(expected.gradients.get(`${path}.weight`) ?? [], [out, inputs], 'float64');
        const A = model.parameters.value(`${path}.lora_A.weight`);
        const each = ops.mulScalar(ops.mm(G, ops.t(A)), 2);
        const theirs = toArray(ops.cat([each, each], 1));
        const ours = kept?.gradients.get(`${path}.lora_B.weight`) ?? [];
        const off = Math.max(...theirs.map((x, i) => Math.abs(x - (ours[i] ?? Number.NaN))));
        t.true(off <= reordered * Math.max(1, ...theirs.map(Math.abs)), `${path}: ${off}`);
      });
    }
  });
}

test('with a frozen tower of texts nobody asks for the gradient of texts', (t) => {
  const asked = (targets: (path: string) => boolean) => {
    const model = aModel('clip', { adapter: blocks(targets) });
    using _parameters = model.parameters;
    const { grad } = native;
    let count = 0;
    native.grad = (outputs, inputs, seeds) => {
      count += 1;
      return grad(outputs, inputs, seeds);
    };
    try {
      gradientsOf(model, batches.classes.slice(0, 1));
    } finally {
      native.grad = grad;
    }
    return count;
  };
  // The outlet, and both blocks of pictures.
  t.is(
    asked((path) => path.startsWith('vision_model.encoder.layers.0.mlp.fc1')),
    1 + 2,
  );
  // And all between: the end of the texts, and their last block.
  t.is(
    asked((path) => path.startsWith('text_model.encoder.layers.2.mlp.fc1')),
    1 + 2 + 1 + 1,
  );
});

test('held-out loss and accuracy are those of classes', async (t) => {
  const model = aModel('clip');
  using _parameters = model.parameters;
  const sequences = [ofClasses(seen.slice(0, 2)), ofClasses(seen.slice(2), { key: 1 })];
  const found = await heldOutLoss(model, sequences, () => false);
  const { loss } = gradientsOf(model, [ofClasses(seen)]);
  t.true(Math.abs((found?.loss ?? Number.NaN) - loss) <= reordered);
  t.is(found?.tokens, 4);
  t.true([0, 0.25, 0.5, 0.75, 1].includes(found?.accuracy ?? -1));
});

test('a teacher of tokens is refused', (t) => {
  const model = aModel('clip');
  using _parameters = model.parameters;
  const message = /the model is a clip, which learns from what belongs together in its data alone/;
  refusesTeacher(t, model, batches.pairs, message);
});
