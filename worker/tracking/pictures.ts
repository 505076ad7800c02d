// The two pictures of a document: a template, in whose middle the object is, and a search picture,
// in which it is looked for. A token is a patch; those of the template are first.
//
// Shapes: N documents · z x z and s x s patches of a template and a search picture
import { Bug } from '../../crds/failures/errors.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, HostValues, PackedSequence } from '../engine/packed-sequence.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { bicubicWeights } from '../vision/bicubic.ts';
import { patchesOf } from '../vision/inlet.ts';
import type { TrackingConfig } from './config.ts';

/** What a document has beside its tokens. */
interface TrackedValues {
  /** `[channels, height, width]` */
  readonly template: HostValues;
  readonly search: HostValues;
  /** Of each patch of the template, 1 where the object is: `[z z]`. */
  readonly object: HostValues;
  /** Left, top, right, bottom of the object in the search picture, from 0 to 1. */
  readonly box: HostValues;
}

/**
 * `template [N, z, z, P]` and `search [N, s, s, P]`, patches in the model's type; `object [N z z]`,
 * int64; `box [N, 4]` and `centres [1, s s, 4]`, x and y of the middle of each patch, twice; where
 * positions are resized, the weights of that `[s, side]`.
 */
export function trackedInputs(
  config: TrackingConfig,
  { values }: Pick<HostSequence, 'values'>,
  dtype: DType,
): SequenceInputs {
  return scope(() => {
    const { trunk, templateSide, searchSide } = config;
    const { template, search, object, box } = valuesOf(values);
    const count = box.values.length / 4;
    const type = exactType(dtype);
    const inputs = {
      template: patchesOf({ ...trunk, side: templateSide }, template, dtype),
      search: patchesOf({ ...trunk, side: searchSide }, search, dtype),
      object: tensor(Array.from(object.values), [count * templateSide ** 2], 'int64'),
      box: tensor(box.values, [count, 4], type),
      centres: tensor(centresOf(searchSide), [1, searchSide ** 2, 4], type),
    };
    if (searchSide === trunk.side) return inputs;
    const weights = bicubicWeights(trunk.side, searchSide);
    return { ...inputs, resize: tensor(weights, [searchSide, trunk.side], type) };
  });
}

function valuesOf(values: HostSequence['values'] = {}): TrackedValues {
  const { template, search, object, box } = values;
  if (template && search && object && box) return { template, search, object, box };
  throw new Bug('a sequence has no pictures of an object');
}

/** By row and column, from 0 to 1. */
function centresOf(side: number): number[] {
  return Array.from({ length: side * side }, (_, patch) => {
    const [x, y] = [((patch % side) + 0.5) / side, (Math.trunc(patch / side) + 0.5) / side];
    return [x, y, x, y];
  }).flat();
}

/** One of the inputs of a sequence. */
export function inputOf({ inputs }: Pick<PackedSequence, 'inputs'>, name: string): Tensor {
  const found = inputs[name];
  if (found === undefined) throw new Bug(`a sequence of pictures has no ${name}`);
  return found;
}

/** Documents of a sequence; those that follow are padding. */
export function documentsIn(sequence: Pick<PackedSequence, 'inputs'>): number {
  return inputOf(sequence, 'box').shape[0] ?? 0;
}
