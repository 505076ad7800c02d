// What a process keeps and updates of the trained parameters: all of them, or its shards in a
// world.
import { Bug } from '../../crds/failures/errors.ts';
import { cellSize } from '../../crds/plan/shards.ts';
import type { Parameter, Parameters, Role } from '../engine/parameters.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface Shard {
  /** Its value is the shard, flat unless it is the complete tensor. */
  readonly parameter: Parameter;
  /** First element of the shard in the complete tensor, in row order. */
  readonly start: number;
  /** Shape of the complete tensor. */
  readonly whole: readonly number[];
}

/** Every parameter with one of the roles, complete. */
export function wholeShards(parameters: Parameters, ...roles: readonly Role[]): readonly Shard[] {
  const own = parameters.all().filter(({ role }) => roles.includes(role));
  return own.map((parameter) => ({
    parameter,
    start: 0,
    whole: parameter.value.shape,
  }));
}

/** A shard of a logical tensor. */
export interface TensorShard {
  readonly tensor: Tensor;
  readonly start: number;
  readonly whole: readonly number[];
}

/** A complete tensor. */
export function wholeTensor(tensor: Tensor): TensorShard {
  return { tensor, start: 0, whole: tensor.shape };
}

/**
 * A state tensor of a shard as a shard of the complete parameter's state, which has one value for
 * each element or for each cell of 256.
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
    `${parameter.name} is sharded, and ${tensor.numel} state values do not match its ${count} elements`,
  );
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
