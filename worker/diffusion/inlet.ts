// What precedes the blocks: patches of the pictures with their positions, and beside them what all
// blocks read of time step and class.
//
// Shapes: P pictures · n patches of each · C channels · p pixels of a side of a patch
import { Bug } from '../../crds/failures/errors.ts';
import type { SequenceInputs } from '../engine/network.ts';
import type { HostSequence, HostValues } from '../engine/packed-sequence.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { DiffusionConfig } from './config.ts';
import { inletPaths } from './names.ts';
import { type PatchOrder, toPatches } from './patches.ts';
import { gridPositions, timeFrequencies, timeWidth } from './positions.ts';

type Value = (name: string) => Tensor;

/**
 * Of the values that `withNoise` adds: `noised [P n, C p p]` and `time [P, 256]` in the type of the
 * model, `noise [P n, p p C]` in float32 at least, `class` and `quarter` `[P]` int64. Where there
 * are such: `guidance [1]`, by which the second half of the pictures are the first without their
 * classes, with half as many of `noise` and `quarter`; and `row [1]` int64, of the denoising step.
 */
export function noisedInputs(
  config: DiffusionConfig,
  { values = {}, positions }: Pick<HostSequence, 'values' | 'positions'>,
  dtype: DType,
): SequenceInputs {
  const pictures = valuesAt(values, 'time').length;
  const rows = pictures * config.contextLength;
  if (positions.length !== rows) {
    throw new Bug(`${pictures} pictures have ${rows} patches, and ${positions.length} tokens`);
  }
  const columns = config.channels * config.patch ** 2;
  const patches = (name: string, order: PatchOrder, type: DType): Tensor => {
    const found = toPatches(valuesAt(values, name), config, order);
    return scope(() => ops.to(tensor(found, [found.length / columns, columns], 'float32'), type));
  };
  const whole = (name: string): Tensor => {
    const found = valuesAt(values, name);
    return tensor([...found], [found.length], 'int64');
  };
  const guidance = values['guidance']?.values;
  const time = timeFrequencies(valuesAt(values, 'time'));
  return {
    noised: patches('noised', 'ByChannel', dtype),
    noise: patches('noise', 'ByPixel', exactType(dtype)),
    time: scope(() => ops.to(tensor(time, [pictures, timeWidth], 'float64'), dtype)),
    class: whole('class'),
    quarter: whole('quarter'),
    ...(guidance && { guidance: tensor(guidance, [1], 'float64') }),
    ...(values['row'] && { row: whole('row') }),
  };
}

function valuesAt(values: Readonly<Record<string, HostValues>>, name: string): Float32Array {
  const found = values[name]?.values;
  if (found === undefined) throw new Bug(`a sequence of pictures has no ${name}`);
  return found;
}

/** An input of `noisedInputs`. */
export function inputAt(inputs: SequenceInputs, name: string): Tensor {
  const found = inputs[name];
  if (found === undefined) throw new Bug(`a sequence of pictures has no ${name}`);
  return found;
}

/** The stream before the first block, `[P n, H]`. */
export function patchStream(config: DiffusionConfig, inputs: SequenceInputs, value: Value): Tensor {
  const { H, side, patch, contextLength } = config;
  const patches = inputAt(inputs, 'noised');
  const [rows = 0, values = 0] = patches.shape;
  const weight = ops.view(value(`${inletPaths.patches}.weight`), [H, values]);
  const x = ops.linear(patches, weight, value(`${inletPaths.patches}.bias`));
  const grid = tensor(gridPositions(side / patch, H), [1, contextLength, H], 'float32');
  const positions = ops.to(grid, x.dtype);
  const byPicture = ops.view(x, [rows / contextLength, contextLength, H]);
  return ops.view(ops.add(byPicture, positions), [rows, H]);
}

/** `[P, H]`: two layers of the frequencies of the time step, and a row of the table of classes. */
export function conditioningOf(inputs: SequenceInputs, value: Value): Tensor {
  const [first, second] = inletPaths.time;
  const at = (path: string, x: Tensor): Tensor =>
    ops.linear(x, value(`${path}.weight`), value(`${path}.bias`));
  const time = at(second, ops.silu(at(first, inputAt(inputs, 'time'))));
  const rows = ops.indexSelect(value(`${inletPaths.labels}.weight`), 0, inputAt(inputs, 'class'));
  return ops.add(time, rows);
}
