// The tables of grids that inputs of linear layers are rounded to (nn/rounded-input.ts).
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type InputGrid, inputLogScale, inputZero } from '../nn/rounded-input.ts';
import { keep, scope } from '../tensor/scope.ts';
import { tensor } from '../tensor/tensor.ts';
import type { Parameter } from './parameters.ts';

/** Logs of steps, and zero points, of one layer by the denoising step. */
export interface InputRows {
  readonly logScales: readonly number[];
  readonly zeros: readonly number[];
}

export interface RoundedInputs {
  readonly grid: InputGrid;
  /** What a layer begins with. */
  initial(path: string): InputRows;
  /** Multiplies the scheduled learning rate. */
  readonly learningRateFactor: number;
}

/** Of one layer; they train. */
export function inputParameters(
  { path, layer }: LinearLayer,
  { grid, initial, learningRateFactor }: RoundedInputs,
): readonly Parameter[] {
  const { logScales, zeros } = initial(path);
  const shape = [grid.rows];
  const table = (suffix: string, values: readonly number[]): Parameter => ({
    ...{ name: `${path}.${suffix}`, layer, shape, role: 'trained', learningRateFactor },
    value: keep(scope(() => tensor(values, shape, 'float32'))),
    decayed: false,
  });
  return [table(inputLogScale, logScales), table(inputZero, zeros)];
}
