// Tensors that modules of most families have, as tensors of a model.
import type { Place, TensorSpec } from './family.ts';

/** Of a linear layer. `from`: the fields of `config.json` that give the shape. */
export function linearSpecs(
  path: string,
  place: Place,
  shape: readonly [out: number, inputs: number],
  from: string,
): readonly [weight: TensorSpec, bias: TensorSpec] {
  const spec = { place, from, isPartOfTable: false };
  return [
    { ...spec, name: `${path}.weight`, kind: 'linear', shape },
    { ...spec, name: `${path}.bias`, kind: 'bias', shape: shape.slice(0, 1) },
  ];
}

/** Of a norm of `H` channels. */
export function normSpecs(
  path: string,
  place: Place,
  H: number,
  from: string,
): readonly [weight: TensorSpec, bias: TensorSpec] {
  const spec = { place, shape: [H], from, isPartOfTable: false };
  return [
    { ...spec, name: `${path}.weight`, kind: 'norm' },
    { ...spec, name: `${path}.bias`, kind: 'bias' },
  ];
}

/** Of a norm behind the blocks: a selection that leaves it out leaves out both of its vectors. */
export function lastNormSpecs(...norm: Parameters<typeof normSpecs>): readonly TensorSpec[] {
  return normSpecs(...norm).map((spec) => ({ ...spec, kind: 'norm' }));
}
