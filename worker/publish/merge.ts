// `W` with what an adapter adds, added in float32 and rounded once. W is the weight of training:
// the original of the file, which is more precise than a dense copy in the model's type, the
// dequantized values of a quantised one, or what an adapter left of the original.

import { tensorsOf } from '../engine/model.ts';
import { weightOnGrid } from '../engine/on-grid.ts';
import { type Rows, rowPanels } from '../files/row-panels.ts';
import { denseChange } from '../methods/adapters/delta.ts';
import { denseCopy, denseOf, isQuantized } from '../methods/weights/weight-store.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';

/**
 * The tensor `name` of the trained model, adapters merged, in `dtype`, as panels of rows that are
 * multiples of `step`. The caller disposes each panel before it asks for the next.
 */
export function* mergedPanels(
  facts: Pick<ArtifactFacts, 'files' | 'model'>,
  name: string,
  dtype: DType,
  step = 1,
): Generator<Tensor> {
  const { shape } = facts.model.parameters.get(name);
  using made = onGrid(facts.model, name) ?? madeOfCodes(facts.model, name);
  for (const rows of rowPanels(shape, step)) {
    yield keep(scope(() => mergedRows(facts, { name, rows, made }, dtype)));
  }
}

/** The decoded values of a quantized tensor, all at once; null for one that is not quantized. */
function madeOfCodes({ parameters }: ArtifactFacts['model'], name: string): Tensor | null {
  const { value, coded } = parameters.get(name);
  if (coded === undefined && !isQuantized(value)) return null;
  return keep(scope(() => denseOf(parameters.value(name))));
}

/** A matrix as products read it, where it is rounded to a grid. */
function onGrid(model: ArtifactFacts['model'], name: string): Tensor | null {
  const layer = model.onGrid?.layers.get(name.replace(/\.weight$/, ''));
  return layer && name.endsWith('.weight') ? keep(weightOnGrid(model, layer)) : null;
}

interface Panel {
  readonly name: string;
  readonly rows: Rows;
  readonly made: Tensor | null;
}

function mergedRows(
  { files, model }: Pick<ArtifactFacts, 'files' | 'model'>,
  { name, rows, made }: Panel,
  dtype: DType,
): Tensor {
  const path = name.replace(/\.weight$/, '');
  const isChanged = name.endsWith('.weight') && model.onGrid === null;
  const delta = isChanged ? tensorsOf(model, new Map(), null).delta(path) : null;
  const value = made ?? model.parameters.get(name).value;
  if (delta === null) return denseCopy(rowsOf(value, rows), dtype);
  const exact = exactType(model.dtype);
  const isInFile = made === null && model.adapter?.takesOver === undefined;
  const original = isInFile
    ? files.load(name, { dtype: exact, rows })
    : ops.to(rowsOf(value, rows), exact);
  const [, inputs = 0] = model.parameters.get(name).shape;
  const change = denseChange(delta, inputs, rows, exact);
  return ops.to(ops.add(original, change, { alpha: delta.scale }), dtype);
}

function rowsOf(tensor: Tensor, [first, behind]: Rows): Tensor {
  return tensor.shape.length === 0 ? tensor : ops.narrow(tensor, 0, first, behind - first);
}
