// What a process keeps and updates of the trained parameters: all of each, or its share of them in
// a world.
import { Bug } from '../../crds/failures/errors.ts';
import { cellSize } from '../../crds/plan/shards.ts';
import type { Parameter, Parameters } from '../engine/parameters.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface Shard {
  /** Its value is the shard: flat where it is not the whole tensor. */
  readonly parameter: Parameter;
  /** First element of the whole tensor that is kept, in row order. */
  readonly start: number;
  /** Shape of the whole tensor. */
  readonly whole: readonly number[];
}

/** All of every trained parameter. */
export function wholeShards(parameters: Parameters): readonly Shard[] {
  return parameters.trained().map((parameter) => ({
    parameter,
    start: 0,
    whole: parameter.value.shape,
  }));
}

/** A tensor that is kept of a logical one. */
export interface TensorShard {
  readonly tensor: Tensor;
  readonly start: number;
  readonly whole: readonly number[];
}

/** All of a tensor. */
export function wholeTensor(tensor: Tensor): TensorShard {
  return { tensor, start: 0, whole: tensor.shape };
}

/**
 * The tensor of the state of a shard as a part of that of the whole parameter: a value an element,
 * or a value a cell.
 */
export function stateShard({ parameter, start, whole }: Shard, tensor: Tensor): TensorShard {
  const { numel: count } = parameter.value;
  if (count === sizeOf(whole)) return wholeTensor(tensor);
  if (tensor.numel === count) return { tensor, start, whole };
  const cells = Math.ceil(sizeOf(whole) / cellSize);
  if (tensor.numel === Math.ceil(count / cellSize)) {
    return { tensor, start: start / cellSize, whole: [cells] };
  }
  throw new Bug(
    `${parameter.name} is cut, and ${tensor.numel} values of its state belong to ${count} of its own`,
  );
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
