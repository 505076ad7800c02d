// Linear layers: stored weights, with an adapter where there is one. Precision and weight storage
// are two axes of the method; they meet here.
import type { DropoutDraw } from '../methods/adapters/adapter.ts';
import { branchOf, type Delta, dropsInputs, operandsOf } from '../methods/adapters/delta.ts';
import type { Precision } from '../methods/precision/precision.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Norm, rmsNorm } from './rms-norm.ts';

/** The input of a layer, as a function of tensors that the tape keeps; recomputed identically. */
export interface LayerInput {
  readonly of: readonly Tensor[];
  make(): Tensor;
}

/** Gets the output of a layer, which it may replace, and its input. */
export type Tap = (output: Tensor, input: LayerInput) => Tensor;

export interface LinearTensors {
  /** Name of the weight, as in Hugging Face files. */
  readonly name: string;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly delta: Delta | null;
  /** Called with the layer's input, where it is measured. */
  readonly observe: ((input: Tensor) => void) | null;
  /** Only without an adapter, and in the types of the tensors. */
  readonly tap: Tap | null;
  /** Null for the types of the tensors; the same for all layers of a block. */
  readonly precision: Precision | null;
  /** Names the random streams of a step; null in evaluation. */
  readonly draw: DropoutDraw | null;
}

/** `x W^T + bias`, with what an adapter adds inside the same sum. */
export function linear(x: Tensor, layer: LinearTensors): Tensor {
  const [y = x] = linears(x, [layer]);
  return y;
}

/** Layers with the same input `x`. With a precision, adapters stay in the type of the model. */
function linears(x: Tensor, layers: readonly LinearTensors[]): readonly Tensor[] {
  for (const { observe } of layers) observe?.(x);
  const precision = layers[0]?.precision ?? null;
  if (precision === null) {
    return tapped(
      layers.map((layer) => product(x, layer)),
      layers,
      { of: [x], make: () => x },
    );
  }
  return precision.linears(x, layers, layers[0]?.draw ?? null).map((y, i) => {
    const delta = layers[i]?.delta ?? null;
    return delta === null ? y : ops.add(y, branchOf(delta, x, y));
  });
}

/** Layers with the same input as one operator, as `normLinears`, without a norm. */
export function linearGroup(x: Tensor, layers: readonly LinearTensors[]): readonly Tensor[] {
  const group = groupOf(layers);
  if (group === null) return linears(x, layers);
  const { weights, biases, A, B, scales } = group;
  const ys =
    scales.length === 0
      ? ops.linearGroup(x, weights, biases)
      : ops.loraLinearGroup(x, weights, biases, A, B, scales);
  return tapped(ys, layers, { of: [x], make: () => x });
}

function product(x: Tensor, { weight, bias, delta }: LinearTensors): Tensor {
  if (delta === null) return ops.linear(x, weight, bias);
  const { A, B } = operandsOf(delta);
  const dropped = delta.form === 'product' ? delta.dropped(x) : null;
  return ops.loraLinear(x, weight, bias, A, B, delta.scale, dropped);
}

/**
 * Layers with the same normed `x` as one operator: `x` is packed once, its gradient is one sum, and
 * the tape keeps `x` alone. Not for adapters that drop inputs.
 */
export function normLinears(
  x: Tensor,
  { weight, epsilon, offset }: Norm,
  layers: readonly LinearTensors[],
): readonly Tensor[] {
  const group = groupOf(layers);
  if (group === null) {
    return linears(rmsNorm(x, { weight, epsilon, offset }), layers);
  }
  const { weights, biases, A, B, scales } = group;
  return tapped(
    ops.normLinearGroup(x, weight, epsilon, offset, weights, biases, A, B, scales),
    layers,
    { of: [x], make: () => rmsNorm(x, { weight, epsilon, offset }) },
  );
}

export const activationCode = { silu: 0, 'gelu-tanh': 1, gelu: 2 } as const;
type Activation = keyof typeof activationCode;

/** A linear layer on `activation(gate) * up`, which the tape does not keep. */
export function gatedLinear(
  gate: Tensor,
  up: Tensor,
  activation: Activation,
  layer: LinearTensors,
): Tensor {
  const code = activationCode[activation];
  const group = groupOf([layer]);
  if (group === null) return linear(ops.swiglu(gate, up, code), layer);
  const { A, B, scales } = group;
  const y = ops.swigluLinear(gate, up, code, layer.weight, layer.bias, A, B, scales);
  const input: LayerInput = { of: [gate, up], make: () => ops.swiglu(gate, up, code) };
  return layer.tap === null ? y : layer.tap(y, input);
}

function tapped(
  ys: readonly Tensor[],
  layers: readonly LinearTensors[],
  input: LayerInput,
): readonly Tensor[] {
  return ys.map((y, i) => layers[i]?.tap?.(y, input) ?? y);
}

/** The layers as arguments of one operator, or null. */
function groupOf(layers: readonly LinearTensors[]) {
  if (layers.some(({ precision }) => precision !== null)) return null;
  const deltas = layers.map(({ delta }) => delta);
  if (deltas.some((delta) => delta !== null && dropsInputs(delta))) return null;
  // A single operator cannot show the input to an observer.
  if (layers.some(({ observe }) => observe !== null)) return null;
  const adapted = deltas.some((delta) => delta !== null) ? deltas : [];
  const operands = adapted.map((delta) => (delta === null ? null : operandsOf(delta)));
  return {
    weights: layers.map(({ weight }) => weight),
    biases: layers.map(({ bias }) => bias),
    A: operands.map((both) => both?.A ?? null),
    B: operands.map((both) => both?.B ?? null),
    scales: adapted.map((delta) => delta?.scale ?? 0),
  };
}
