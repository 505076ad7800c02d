// Which artefacts are refused: those that lost something, and none that was only rounded.
import test from 'ava';
import { buildModel } from '../../../worker/engine/build-model.ts';
import { type Model, tensorsOf } from '../../../worker/engine/model.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { ggufRounded } from '../../../worker/publish/gguf.ts';
import { checkLogits } from '../../../worker/publish/reload-check.ts';
import { requireSame } from '../../../worker/publish/require-same.ts';
import type { StoredType } from '../../../worker/publish/rounding.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { denseChangeOf } from '../../builders/dense-change.ts';
import { aToyModel } from '../../builders/toy-training.ts';

test.before(() => setThreads(1));

type Computed = 'float32' | 'bfloat16';

/** Rows of whole blocks, for Q8_0; an adapter that changes a good deal. */
function trained(name: string, dtype: Computed): Model {
  const adapter = lora({
    ...{ rank: 4, alpha: 8, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
  });
  const config = { hidden_size: 64, intermediate_size: 96 };
  const model = aToyModel({ name, dtype, adapter, config });
  for (const { name: each, value } of model.parameters.trained()) {
    if (!each.endsWith('lora_B.weight')) continue;
    scope(() => ops.copy_(value, normal(value.shape, 0.05, streamOf(1, 'trained', each))));
  }
  return model;
}

/** What a file of this type gives back of the model with its adapter folded in. */
function readBack(model: Model, stored: StoredType | Coarse, scale = 1): Model {
  const load = (name: string, dtype: DType): Tensor => {
    const whole = merged(model, name, scale);
    const isKept = isCoarse(stored) ? whole.shape.length < 2 : !isAdapted(model, name);
    return ops.toCopy(isKept ? whole : rounded(whole, stored), { dtype });
  };
  const source = {
    config: model.config,
    tensorNames: bareNames(model),
    load,
    isBfloat16: () => false,
  };
  return buildModel(source, { dtype: model.dtype, adapter: null, sequenceLength: 64 });
}

const bareNames = (model: Model): readonly string[] =>
  model.parameters
    .all()
    .map(({ name }) => name)
    .filter((name) => !name.includes('lora_'));

const deltaOf = (model: Model, name: string) =>
  tensorsOf(model, new Map(), null).delta(name.replace(/\.weight$/, ''));

const isAdapted = (model: Model, name: string): boolean => deltaOf(model, name) !== null;

/** With its adapter, in float32. */
function merged(model: Model, name: string, scale = 1): Tensor {
  const delta = deltaOf(model, name);
  const own = ops.to(model.parameters.value(name), 'float32');
  if (delta === null) return own;
  return ops.add(own, denseChangeOf(delta, own.shape, 'float32'), { alpha: scale });
}

const coarse = ['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const;
type Coarse = (typeof coarse)[number];
const isCoarse = (stored: StoredType | Coarse): stored is Coarse =>
  stored.startsWith('Q4') || stored.startsWith('Q5');

function rounded(value: Tensor, stored: StoredType | Coarse): Tensor {
  return stored.startsWith('Q')
    ? ggufRounded(value, stored as 'Q8_0' | Coarse)
    : ops.to(value, stored as DType);
}

/** What a file in coarse codes must hold. */
function codedArtifact(model: Model, type: Coarse, scale = 1) {
  const matrices = bareNames(model).filter((name) => model.parameters.get(name).shape.length > 1);
  const coded = matrices.map((name) => ({
    name,
    panels: () => [keep(scope(() => ops.contiguous(merged(model, name, scale))))],
    decoded: (rows: Tensor) => ggufRounded(rows, type),
  }));
  return { format: 'GGUF', rounding: 'float32', coded } as const;
}

const artifact = (rounding: StoredType | null) =>
  ({ format: rounding === null ? 'PEFTAdapter' : 'GGUF', rounding }) as const;

const types: readonly StoredType[] = ['float32', 'float16', 'bfloat16', 'Q8_0'];

for (const dtype of ['float32', 'bfloat16'] as const) {
  for (const name of ['llama', 'qwen2', 'gemma2']) {
    test(`${name} in ${dtype}: what was only rounded passes, whatever the type of the file`, (t) => {
      const model = trained(name, dtype);
      using _parameters = model.parameters;
      using logits = keep(checkLogits(model));
      for (const stored of types) {
        const copy = readBack(model, stored);
        using _copy = copy.parameters;
        const before = liveHandles();
        const { klDivergence = 1, allowedDivergence = 0 } = requireSame(
          artifact(stored),
          logits,
          copy,
        );
        t.is(liveHandles(), before);
        // The bound is one of rounding: moved by a unit each, weights diverge more than rounded,
        // and not by orders.
        t.true((klDivergence ?? 1) <= allowedDivergence, stored);
        t.log(stored, klDivergence, allowedDivergence);
      }
    });

    test(`${name} in ${dtype}: an adapter that is missing, doubled or folded in elsewhere is refused`, (t) => {
      const model = trained(name, dtype);
      using _parameters = model.parameters;
      using logits = keep(checkLogits(model));
      for (const scale of [0, 0.5, 2, -1]) {
        for (const stored of types) {
          const copy = readBack(model, stored, scale);
          using _copy = copy.parameters;
          t.throws(() => requireSame(artifact(stored), logits, copy), {
            code: 'E_PUBLISH_FAILED',
            message:
              /^GGUF, read back, diverges from the trained model by \S+; rounding to \w+ explains \S+$/,
          });
        }
      }
      const swapped = readBack(model, 'float32');
      using _swapped = swapped.parameters;
      const [a, b] = [0, 1].map((layer) =>
        swapped.parameters.value(`model.layers.${layer}.mlp.down_proj.weight`),
      );
      scope(() => {
        const held = ops.toCopy(a!, {});
        ops.copy_(a!, b!);
        ops.copy_(b!, held);
      });
      t.throws(() => requireSame(artifact('float32'), logits, swapped), {
        code: 'E_PUBLISH_FAILED',
      });
    });
  }
}

for (const dtype of ['float32', 'bfloat16'] as const) {
  for (const type of coarse) {
    test(`${type} in ${dtype}: its codes pass however far they are from the model, and nothing else`, (t) => {
      const model = trained('llama', dtype);
      using _parameters = model.parameters;
      using logits = keep(checkLogits(model));
      const check = (scale: number, promised = scale, damage?: (copy: Model) => void) => {
        const copy = readBack(model, type, scale);
        using _copy = copy.parameters;
        damage?.(copy);
        return requireSame(codedArtifact(model, type, promised), logits, copy);
      };
      const { klDivergence } = check(1);
      t.log(klDivergence);
      t.true((klDivergence ?? 0) > 1e-6);
      for (const scale of [0, 0.5, 2, -1]) {
        t.throws(() => check(scale, 1), {
          code: 'E_PUBLISH_FAILED',
          message: /^GGUF, read back, has values in \S+ that are not those of its codes$/,
        });
        // Written as it was merged, and merged wrongly.
        t.throws(() => check(scale), {
          code: 'E_PUBLISH_FAILED',
          message: /^GGUF, read back, diverges from the trained model by/,
        });
      }
      const name = 'model.layers.1.mlp.up_proj.weight';
      const nudged = (copy: Model) =>
        scope(() => {
          const one = ops.narrow(ops.flatten(copy.parameters.value(name)), 0, 77, 1);
          ops.copy_(one, ops.mulScalar(one, 1 + 2 ** -7));
        });
      t.throws(() => check(1, 1, nudged), { message: new RegExp(`values in ${name} that`) });
    });
  }
}

test('what holds the same bits must give the same logits; one other bit is found', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  using logits = keep(checkLogits(model));
  t.like(requireSame(artifact(null), logits, model), { largestLogitGap: 0, allowedDivergence: 0 });
  const weight = model.parameters.value('model.layers.0.mlp.up_proj.weight');
  scope(() => ops.mulScalar_(ops.narrow(weight, 0, 0, 1), 1 + 2 ** -20));
  t.throws(() => requireSame(artifact(null), logits, model), {
    code: 'E_PUBLISH_FAILED',
    message:
      /^PEFTAdapter, read back, gives logits up to \S+ from those of the trained model; its weights have the same bits/,
  });
});

test('logits that are no numbers are refused', (t) => {
  const model = aToyModel();
  using _parameters = model.parameters;
  using logits = keep(checkLogits(model));
  scope(() => ops.mulScalar_(model.parameters.value('model.norm.weight'), Number.NaN));
  t.throws(() => requireSame(artifact('bfloat16'), logits, model), {
    code: 'E_PUBLISH_FAILED',
    message: 'GGUF, read back, gives logits that are not finite',
  });
});
