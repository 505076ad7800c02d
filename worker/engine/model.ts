// A model with all axes filled in: configuration, parameters, and the adapter on its linears.

import { type ModelConfig, type Places, sharedPlace } from '../families/family.ts';
import type { Adapter, DropoutDraw, LinearLayer, MlpLayer } from '../methods/adapters/adapter.ts';
import type { Delta } from '../methods/adapters/delta.ts';
import type { Precision } from '../methods/precision/precision.ts';
import type { WeightGrid } from '../methods/weights/weight-grid.ts';
import type { BlockTensors } from '../nn/block-tensors.ts';
import type { Mixture } from '../nn/mixture.ts';
import { type InputGrid, inputLogScale, inputZero, roundedInput } from '../nn/rounded-input.ts';
import type { Device } from '../tensor/device.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Network } from './network.ts';
import type { Parameter, Parameters } from './parameters.ts';
import type { Weights } from './weights.ts';

export interface Model {
  readonly config: ModelConfig;
  readonly places: Places;
  /** What it computes. */
  readonly network: Network;
  /** Type of the residual stream and of all products. */
  readonly dtype: DType;
  /** Where its tensors are, and where it computes. */
  readonly device: Device;
  readonly parameters: Parameters;
  readonly weights: Weights;
  /** Arithmetic of the blocks' linear layers; null: in the types of their tensors. */
  readonly precision: Precision | null;
  readonly adapter: Adapter | null;
  /** The linears that carry the adapter, by module path. */
  readonly adapted: ReadonlyMap<string, LinearLayer>;
  /** The grid that linears of the blocks are rounded to where they are multiplied. */
  readonly onGrid: OnGrid | null;
  /** The MLPs in whose place the adapter has experts, by module path. */
  readonly mixed: ReadonlyMap<string, MlpLayer>;
  /** The grid that inputs of the blocks' linear layers are rounded to. @default none */
  readonly inputGrid?: InputGrid | null;
}

interface OnGrid {
  readonly grid: WeightGrid;
  /** By module path. */
  readonly layers: ReadonlyMap<string, LinearLayer>;
}

/**
 * A view of the model's tensors for one pass over one block. `leaves` replace the parameters that
 * get a gradient; without `draw` there is no dropout (evaluation).
 */
export function tensorsOf(
  model: Model,
  leaves: ReadonlyMap<string, Tensor>,
  draw: DropoutDraw | null,
): BlockTensors {
  const { parameters, adapter, adapted, mixed, onGrid, precision, inputGrid = null } = model;
  const value = (name: string): Tensor => leaves.get(name) ?? parameters.value(name);
  return {
    ...{ precision, draw },
    weight: (name) => leaves.get(name) ?? parameters.changed(name) ?? parameters.value(name),
    rounded: inputGrid
      ? (path, x, row) => {
          const logScale = value(`${path}.${inputLogScale}`);
          return roundedInput(x, { logScale, zero: value(`${path}.${inputZero}`), row }, inputGrid);
        }
      : null,
    hasWeight: (name) => parameters.has(name),
    delta(path): Delta | null {
      const layer = adapted.get(path);
      if (adapter === null || layer === undefined) return null;
      const isInside = adapter.multipliedOut !== undefined || onGrid !== null;
      if (isInside && parameters.changed(`${path}.weight`) !== null) return null;
      return adapter.factors(layer, (suffix) => value(tensorName(adapter, path, suffix)), draw);
    },
    mixture(path): Mixture | null {
      const mlp = mixed.get(path);
      if (mlp === undefined) return null;
      return adapter?.experts?.mixture(mlp, (suffix) => value(`${path}.${suffix}`), draw) ?? null;
    },
  };
}

/** Name of a tensor of an adapter: that of its layer, or one that all layers share. */
export function tensorName({ shares }: Adapter, path: string, suffix: string): string {
  return shares?.(suffix) === true ? suffix : `${path}.${suffix}`;
}

/** Active parameters of this step, by layer. */
export type Active = (layer: Parameter['layer']) => readonly Parameter[];

/** Those whose gradients the backward of block `layer` computes, or a part of. */
export function activeIn(active: Active, layer: number): readonly Parameter[] {
  const shared = active(sharedPlace);
  return shared.length === 0 ? active(layer) : [...active(layer), ...shared];
}
