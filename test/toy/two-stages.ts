// A toy of two stages, written down without a family: blocks over numbers of each document, and
// blocks over its ids that read the first stage's states by attention.
import type { Model } from '../../worker/engine/model.ts';
import { type Network, noSides } from '../../worker/engine/network.ts';
import { documentsAt, type HostSequence } from '../../worker/engine/packed-sequence.ts';
import { Parameters } from '../../worker/engine/parameters.ts';
import { residentWeights } from '../../worker/engine/weights.ts';
import type { ModelConfig, Place, Places } from '../../worker/families/family.ts';
import { layerNorm } from '../../worker/nn/layer-norm.ts';
import { throughTape } from '../../worker/nn/through-tape.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { type Tensor, tensor } from '../../worker/tensor/tensor.ts';
import { aSequence } from '../builders/training.ts';

const [H, V] = [6, 11];
const places: Places = {
  order: ['low', 0, 1, 'high', 2, 3, 'out'],
  ...{ inlet: 'low', outlet: 'out', isTied: false },
};
const config: ModelConfig = {
  ...{ kind: 'decoder', family: 'two stages', V, H, L: 4, NH: 2, NK: 2, D: 3, I: H },
  ...{ attentionScale: 0.5, contextLength: 64 },
};

const tensors: readonly (readonly [name: string, layer: Place, shape: readonly number[]])[] = [
  ['low.weight', 'low', [H, 1]],
  ['0.weight', 0, [H, H]],
  ['1.weight', 1, [H, H]],
  ['high.norm.weight', 'high', [H]],
  ['high.norm.bias', 'high', [H]],
  ['high.table', 'high', [V, H]],
  ...[2, 3].flatMap((layer) =>
    ['q', 'k', 'v'].map((role) => [`${layer}.${role}.weight`, layer, [H, H]] as const),
  ),
  ['out.weight', 'out', [H]],
];

/** `trains`: whether a tensor at a place does. The caller disposes its parameters. */
export function twoStages(trains: (place: Place) => boolean = () => true): Model {
  const parameters = new Parameters();
  for (const [name, layer, shape] of tensors) {
    const value = keep(scope(() => normal(shape, 0.7, streamOf(3, name), 'float64')));
    const role = trains(layer) ? 'trained' : 'frozen';
    parameters.add({
      ...{ name, layer, value, shape, role, learningRateFactor: 1, decayed: false },
    });
  }
  return {
    ...{ config, places, network, dtype: 'float64', device: 'cpu', parameters },
    ...{ weights: residentWeights, precision: null, adapter: null, adapted: new Map() },
    ...{ onGrid: null, mixed: new Map() },
  };
}

/** Documents of ids, each with so many numbers. */
export function twoStageSequence(
  documents: readonly (readonly number[])[],
  numbers: number,
  key = 0,
): HostSequence {
  const values = documents.flatMap(([first = 0]) =>
    Array.from({ length: numbers }, (_, i) => Math.sin(1 + first + 3 * i)),
  );
  return {
    ...aSequence(documents, key),
    values: { numbers: { values: Float32Array.from(values), shape: [numbers] } },
  };
}

const network: Network = {
  inletReadsInBackward: true,
  inputs: ({ values }) => {
    const numbers = [...(values?.['numbers']?.values ?? [])];
    return { numbers: tensor(numbers, [numbers.length, 1], 'float64') };
  },
  offsetsBefore: ({ offsets, values }) => {
    const [each = 0] = values?.['numbers']?.shape ?? [];
    return [offsets.map((_, document) => document * each)];
  },
  enter(model, { ids, inputs }, _stage, before) {
    const value = valueIn(model);
    if (before === null) return { x: low(inputs['numbers']!, value), sides: noSides };
    const x = ops.indexSelect(value('high.table'), 0, ids);
    return { x, sides: { memory: memoryOf(before, value), unused: ops.clone(x) } };
  },
  block(layer, { weight }, x, sequence, { memory }) {
    return scope(() => {
      const at = (role: string, of: Tensor): Tensor => {
        const name = role === '' ? `${layer}.weight` : `${layer}.${role}.weight`;
        return ops.linear(of, weight(name));
      };
      if (memory === undefined) return ops.add(x, ops.tanh(at('', x)));
      const heads = (y: Tensor): Tensor => ops.view(y, [y.shape[0] ?? 0, 2, 3]);
      const { offsets: cuK } = documentsAt(sequence, 0);
      const [k, v] = [heads(at('k', memory)), heads(at('v', memory))];
      const q = heads(at('q', x));
      const read = ops.attention(q, k, v, sequence.offsets, 0.5, 0, 0, { causal: false, cuK });
      return ops.add(x, ops.reshape(read, x.shape));
    });
  },
  loss: () => {
    throw new Error('not of this toy');
  },
  targetStates: () => {
    throw new Error('not of this toy');
  },
  logits: () => {
    throw new Error('not of this toy');
  },
  ends(model, { active, scale, sum }) {
    const value = valueIn(model);
    const own = new Map(model.places.order.map((place) => [place, sum(active(place))]));
    const names = (place: Place) => active(place).map(({ name }) => name);
    return {
      outlet(x, { rows, labels }) {
        const back = throughTape(x, value, {
          active: names('out'),
          of: (states, at) => rowLosses(ops.indexSelect(states, 0, rows), labels, at),
          seed: (losses) => ops.mulScalar(ops.onesLike(losses), scale),
        });
        own.get('out')?.add(back.active);
        return { sums: { loss: ops.sum(back.output) }, input: back.input };
      },
      outletGradients: () => own.get('out')?.finish() ?? [],
      inlet({ stage, x, sides, before }, { ids, inputs }) {
        if (stage === 0 || before === null) {
          const back = throughTape(inputs['numbers']!, value, {
            active: names('low'),
            of: low,
            seed: () => x,
          });
          own.get('low')?.add(back.active);
          return null;
        }
        const back = throughTape(before, value, {
          active: names('high').filter((name) => name !== 'high.table'),
          of: memoryOf,
          seed: (memory) => sides['memory'] ?? ops.zerosLike(memory),
        });
        if (names('high').length > 0) {
          const table = ops.zeros([V, H], { dtype: 'float64' });
          ops.indexAdd_(table, 0, ids, x);
          own.get('high')?.add([...back.active, table]);
        }
        return back.input;
      },
      inletGradients: (stage) => own.get(stage === 0 ? 'low' : 'high')?.finish() ?? [],
    };
  },
};

type Value = (name: string) => Tensor;

function valueIn({ parameters }: Model): Value {
  return (name) => parameters.value(name);
}

function low(numbers: Tensor, value: Value): Tensor {
  return ops.linear(numbers, value('low.weight'));
}

function memoryOf(before: Tensor, value: Value): Tensor {
  const [weight, bias] = [value('high.norm.weight'), value('high.norm.bias')];
  return layerNorm(before, { weight, bias, epsilon: 1e-5 });
}

/** Half the squared distance of each row's sum, by the weight, from its label. */
function rowLosses(x: Tensor, labels: Tensor, value: Value): Tensor {
  const sums = ops.sumDim(ops.mul(x, value('out.weight')), [1]);
  return ops.mulScalar(
    ops.square(ops.sub(sums, ops.mulScalar(ops.to(labels, 'float64'), 0.1))),
    0.5,
  );
}
