// The tensors of a network that is searched or was found. Before and behind the cells are plain
// convolutions, which are not rounded.
import type { Place, TensorSpec } from '../families/family.ts';
import type { QuantNasConfig } from './config.ts';
import { type Choice, choicesOf, kernelsOf, placesOfCell, usualLogStep } from './space.ts';

/** Edge of the kernels before and behind the cells. */
const edgeOfEnds = 3;
/** Module paths of the convolutions before and behind the cells. */
export const headPath = 'head';
export const tailPath = 'tail';
/** What chooses in a place. */
export const alphas = 'alphas';

export function cellPath(layer: number): string {
  return `cells.${layer}`;
}

export function placePath(layer: number, place: number): string {
  return `${cellPath(layer)}.${place}`;
}

type Spec = Pick<TensorSpec, 'name' | 'kind' | 'shape'> & {
  readonly std?: number;
  readonly value?: number;
};

/** Every tensor, in the order of computation. */
export function quantNasTensors(config: QuantNasConfig): readonly TensorSpec[] {
  const { H, L, colours, scale } = config;
  const values = colours * scale ** 2;
  const cells = Array.from({ length: L }, (_, layer) =>
    cellSpecs(config, layer).map((spec) => made(spec, layer)),
  );
  const inputs = colours * edgeOfEnds ** 2;
  return [
    ...convolution(headPath, [H, colours, edgeOfEnds, edgeOfEnds], inputs ** -0.5).map((spec) =>
      made(spec, 'inlet'),
    ),
    ...cells.flat(),
    // It adds nothing to the enlarged picture before the first step.
    ...convolution(tailPath, [values, H, edgeOfEnds, edgeOfEnds], 0).map((spec) =>
      made(spec, 'outlet'),
    ),
  ];
}

function made({ std = 0, value = 0, ...spec }: Spec, place: Place): TensorSpec {
  return {
    ...{ ...spec, place, from: 'num_feat and upscale', isPartOfTable: false },
    made: { besideAdapter: 'Never', std, value },
  };
}

function convolution(path: string, shape: readonly number[], std: number): readonly Spec[] {
  return [
    { name: `${path}.weight`, kind: 'conv', shape, std },
    { name: `${path}.bias`, kind: 'bias', shape: shape.slice(0, 1) },
  ];
}

function cellSpecs(config: QuantNasConfig, layer: number): readonly Spec[] {
  const places = Array.from({ length: placesOfCell }, (_, place) => {
    const path = placePath(layer, place);
    return [
      { name: `${path}.norm.weight`, kind: 'norm', shape: [config.H], value: 1 },
      { name: `${path}.norm.bias`, kind: 'bias', shape: [config.H] },
      ...placeSpecs(config, layer, place),
    ] as const;
  });
  const path = cellPath(layer);
  return [
    ...places.flat(),
    // As in the code of QuantNAS.
    { name: `${path}.phi`, kind: 'vector', shape: [1], value: 1.5 },
    { name: `${path}.beta`, kind: 'vector', shape: [1] },
  ];
}

function placeSpecs(config: QuantNasConfig, layer: number, place: number): readonly Spec[] {
  const path = placePath(layer, place);
  const { H } = config;
  if (config.family === 'quantnas-supernet') {
    const { space } = config;
    const kernels = space.operations.flatMap((operation) => {
      const own = { operation, bits: 8 } as const;
      return kernelSpecs(`${path}.${operation}`, own, H).map(({ weight }) => weight);
    });
    const shape = [choicesOf(space).length];
    return [{ name: `${path}.${alphas}`, kind: 'choice', shape }, ...kernels];
  }
  const choice = config.genotype[layer]?.[place];
  if (choice === undefined) throw new RangeError(`no choice for ${path}`);
  return kernelSpecs(path, choice, H).flatMap(({ weight, step }) => [weight, step]);
}

/** Weights of each convolution with the variance of He et al. 2015, and steps for its rows. */
function kernelSpecs(path: string, { operation, bits }: Choice, H: number) {
  return kernelsOf(operation).map(({ kernel, groups }, i) => {
    const inputs = (H / groups) * kernel ** 2;
    const std = Math.sqrt(2 / inputs);
    const shape = [H, H / groups, kernel, kernel];
    const weight: Spec = { name: `${path}.${i}.weight`, kind: 'conv', shape, std };
    const value = usualLogStep(std, bits);
    const step: Spec = { name: `${path}.${i}.log_step`, kind: 'vector', shape: [H], value };
    return { weight, step };
  });
}
