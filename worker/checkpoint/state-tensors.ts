// Which tensors a checkpoint holds: the value of every trained parameter under its own name, and its
// optimizer state under `<name>#<suffix>`. A frozen base is not among them: the manifest names it by
// its digest.
import type { Parameters } from '../engine/parameters.ts';
import type { OptimizerState } from '../optimizers/optimizer.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TrainedTensors {
  readonly parameters: Parameters;
  readonly states: ReadonlyMap<string, OptimizerState>;
}

/** All tensors of the state, by name, in the order in which they are written. */
export function stateTensors({ parameters, states }: TrainedTensors): ReadonlyMap<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const { name, value } of parameters.trained()) {
    all.set(name, value);
    for (const [suffix, tensor] of Object.entries(states.get(name) ?? {})) {
      all.set(`${name}#${suffix}`, tensor);
    }
  }
  return all;
}
