// The tensors of a checkpoint: every trained parameter under its own name, and its optimizer state
// under `<name>#<suffix>`. What stays fixed is not among them: the manifest names the digests of
// the base and of the initial factors. A rank of a world has a shard of each, and all of what a
// rule of the step has found.

import type { OptimizerStates } from '../sharding/optimizer-states.ts';
import { type Shard, stateShard, type TensorShard, wholeTensor } from '../sharding/shards.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TrainedTensors {
  readonly shards: readonly Shard[];
  readonly states: OptimizerStates;
  /** By name: tensors that every rank has, with the same bits. @default none */
  readonly common?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * Parameters by name: values, or quantized values or codes with the tensors that decode
 * them (`#scales` and so on).
 */
export function valueTensors(shards: readonly Shard[]): ReadonlyMap<string, TensorShard> {
  return new Map(
    shards.flatMap(({ parameter: { name, value, coded }, start, whole }) => [
      [name, { tensor: value, start, whole }] as const,
      // Quantized parameters are never divided.
      ...Object.entries(coded?.parts ?? {}).map(
        ([suffix, each]) => [`${name}#${suffix}`, wholeTensor(each)] as const,
      ),
    ]),
  );
}

/** All tensors of the state by name, in the order in which they are written. */
export function stateTensors({
  shards,
  states,
  common,
}: TrainedTensors): ReadonlyMap<string, TensorShard> {
  const all = new Map<string, TensorShard>(valueTensors(shards));
  for (const shard of shards) {
    const { name } = shard.parameter;
    for (const [suffix, tensor] of Object.entries(states.byName.get(name) ?? {})) {
      all.set(`${name}#${suffix}`, stateShard(shard, tensor));
    }
  }
  for (const [name, tensor] of common ?? []) all.set(name, wholeTensor(tensor));
  return all;
}
