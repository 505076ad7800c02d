// The tape. Recording is off in the whole process: `withTape` turns it on for one function, and
// `grad` consumes the tape. There is no `.backward()` and no accumulated `.grad`.
import { native } from './native.ts';
import { Tensor } from './tensor.ts';

/** Records operators on leaves while `body` runs. */
export function withTape<T>(body: () => T): T {
  const before = native.setGrad(true);
  try {
    return body();
  } finally {
    native.setGrad(before);
  }
}

/** The same values without history: a leaf of the tape, for which gradients can be computed. */
export function leaf(t: Tensor): Tensor {
  return new Tensor(native.leaf(t.handle));
}

/**
 * Gradients of the outputs, weighted by the seeds, with respect to the inputs; frees the tape. A
 * null seed is 1, for an output of one element. A null gradient: no output depends on the input.
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  seeds: readonly (Tensor | null)[],
): (Tensor | null)[] {
  const gradients = native.grad(
    outputs.map((output) => output.handle),
    inputs.map((input) => input.handle),
    seeds.map((seed) => seed?.handle ?? 0),
  );
  return gradients.map((handle) => (handle === null ? null : new Tensor(handle)));
}
