// Which tensors a checkpoint holds: the value of every trained parameter under its own name, and the
// optimizer state that lives under `<name>#<suffix>`. A frozen base is not among them: the manifest names it by
// its digest.
import type { Parameters } from '../engine/parameters.ts';
import type { OptimizerStates } from '../optimizers/states.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface TrainedTensors {
  readonly parameters: Parameters;
  readonly states: OptimizerStates;
}

/** What was trained, by name: values, or codes with their `#scales` and `#zeros`. */
export function valueTensors(parameters: Parameters): ReadonlyMap<string, Tensor> {
  return new Map(
    parameters
      .trained()
      .flatMap(({ name, value, coded }) => [
        [name, value] as const,
        ...Object.entries(coded ?? {}).map(
          ([suffix, each]) => [`${name}#${suffix}`, each] as const,
        ),
      ]),
  );
}

/** All tensors of the state, by name, in the order in which they are written. */
export function stateTensors({ parameters, states }: TrainedTensors): ReadonlyMap<string, Tensor> {
  const all = new Map<string, Tensor>();
  for (const [name, value] of valueTensors(parameters)) all.set(name, value);
  for (const { name } of parameters.trained()) {
    for (const [suffix, tensor] of Object.entries(states.byName.get(name) ?? {})) {
      all.set(`${name}#${suffix}`, tensor);
    }
  }
  return all;
}
