// Matrices that are rounded to a grid wherever they are multiplied: with what an adapter adds to
// them, some rows at a time, so that no float32 copy is as large as a matrix. Gradients pass back
// the same way: through the grid, then to the weight and to the factors of the adapter.
import { Bug } from '../../crds/failures/errors.ts';
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type Delta, denseChange, operandsOf } from '../methods/adapters/delta.ts';
import type { CodedRows, OwnRows } from '../methods/weights/weight-grid.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Model, tensorName } from './model.ts';

type OnGrid = Pick<Model, 'adapter' | 'adapted' | 'onGrid' | 'parameters' | 'dtype'>;

/** The matrix that products read, in the type of the model. */
export function weightOnGrid(model: OnGrid, layer: LinearLayer): Tensor {
  const { grid } = gridOf(model);
  return scope(() => {
    const rowsOf = changedRows(model, layer);
    const all = ops.empty([layer.out, layer.in], { dtype: model.dtype });
    for (const rows of rowPanels(all.shape)) {
      scope(() => {
        const at = { path: layer.path, first: rows[0] };
        ops.copy_(narrowed(all, rows), grid.fake(rowsOf(rows), ownRows(model, layer, rows), at));
      });
    }
    return all;
  });
}

/** What a file has of some rows of a matrix. */
export function codedRows(model: OnGrid, layer: LinearLayer, rows: Rows): CodedRows {
  const { integers } = gridOf(model).grid;
  if (integers === undefined) throw new Bug('this grid has no integers');
  return scope(() => integers.coded(changedRows(model, layer)(rows), ownRows(model, layer, rows)));
}

/** All rows of a matrix as a GGUF file has them, uint8 `[out, bytes]`: of the rows that train. */
export function blocksOnGrid(model: OnGrid, layer: LinearLayer): Tensor {
  const { blocks } = gridOf(model).grid;
  if (blocks === undefined) throw new Bug('this grid has no blocks');
  return scope(() => {
    const rowsOf = changedRows(model, layer);
    return ops.cat(
      rowPanels([layer.out, layer.in]).map((rows) => scope(() => blocks.coded(rowsOf(rows)))),
    );
  });
}

/**
 * Gradients of the trained tensors of a layer by suffix, for the gradient `G` of the matrix that
 * products read. `G` becomes that of the weight.
 */
export function gradientsThroughGrid(
  model: OnGrid,
  layer: LinearLayer,
  G: Tensor,
): Readonly<Record<string, Tensor>> {
  const { grid } = gridOf(model);
  const rowsOf = changedRows(model, layer);
  const parts: Readonly<Record<string, Tensor>>[] = [];
  let reachesWeight = false;
  for (const rows of rowPanels(G.shape)) {
    parts.push(
      scope(() => {
        const own = narrowed(G, rows);
        const wide = ops.to(own, exactType(model.dtype));
        const found = grid.gradients(rowsOf(rows), ownRows(model, layer, rows), wide);
        reachesWeight = found.weight !== null;
        if (found.weight !== null) ops.copy_(own, found.weight);
        return found.trained;
      }),
    );
  }
  const joined = (suffix: string) => ops.cat(parts.flatMap((part) => part[suffix] ?? []));
  const ofGrid = Object.keys(parts[0] ?? {}).map((suffix) => [suffix, joined(suffix)] as const);
  const ofAdapter = reachesWeight ? gradientsOfAdapter(model, layer, G) : {};
  return { ...Object.fromEntries(ofGrid), ...ofAdapter };
}

/** The weight with the change of the adapter, some rows of it, in float32 at least. */
function changedRows(model: OnGrid, layer: LinearLayer): (rows: Rows) => Tensor {
  const { adapter, adapted, parameters } = model;
  const exact = exactType(model.dtype);
  const weight = denseOf(parameters.value(`${layer.path}.weight`));
  const plain = (rows: Rows) => ops.to(narrowed(weight, rows), exact);
  if (adapter === null || !adapted.has(layer.path)) return plain;
  const tensors = reader(model, layer);
  const { multipliedOut } = adapter;
  if (multipliedOut !== undefined) {
    const change = multipliedOut.change(layer, tensors);
    const alpha = multipliedOut.scale;
    return (rows) => ops.add(plain(rows), narrowed(change, rows), { alpha });
  }
  const delta = adapter.factors(layer, tensors, null);
  const change = rowsOfChange(delta, layer.in, exact);
  return (rows) => ops.add(plain(rows), change(rows), { alpha: delta.scale });
}

/** A linear layer has the same bits for any number of threads. */
function rowsOfChange(delta: Delta, inputs: number, dtype: DType): (rows: Rows) => Tensor {
  if (delta.form !== 'product') return (rows) => denseChange(delta, inputs, rows, dtype);
  const turned = ops.contiguous(ops.t(ops.to(delta.A, dtype)));
  return (rows) => ops.linear(ops.to(narrowed(delta.B, rows), dtype), turned);
}

function gradientsOfAdapter(
  model: OnGrid,
  layer: LinearLayer,
  G: Tensor,
): Readonly<Record<string, Tensor>> {
  const { adapter, adapted, parameters } = model;
  if (adapter === null || !adapted.has(layer.path)) return {};
  const tensors = reader(model, layer);
  if (adapter.multipliedOut !== undefined) {
    return adapter.multipliedOut.gradients(layer, tensors, G);
  }
  const isTrained = (suffix: string): boolean =>
    parameters.get(tensorName(adapter, layer.path, suffix)).role === 'trained';
  const wide = ops.to(G, exactType(model.dtype));
  // The tape is that of the factors alone: their gradients are made by hand.
  const { leaves, seeded } = withTape(() => {
    const leaves = new Map<string, Tensor>();
    const read = (suffix: string): Tensor => {
      const known = leaves.get(suffix);
      if (known !== undefined || !isTrained(suffix)) return known ?? tensors(suffix);
      const own = leaf(tensors(suffix));
      leaves.set(suffix, own);
      return own;
    };
    return { leaves, seeded: seededBy(adapter.factors(layer, read, null), wide) };
  });
  const found = grad([seeded], [...leaves.values()], [null]);
  return Object.fromEntries(
    [...leaves.keys()].flatMap((suffix, i) => {
      const value = found[i];
      return value === undefined || value === null
        ? []
        : [[suffix, ops.contiguous(value)] as const];
    }),
  );
}

/** A scalar whose gradients by the factors of the change are those of the loss. */
function seededBy(delta: Delta, G: Tensor): Tensor {
  const { A, B } = operandsOf(delta);
  const paired = (factor: Tensor, gradient: Tensor): Tensor =>
    ops.sum(ops.mul(factor, ops.mulScalar(gradient, delta.scale)));
  switch (delta.form) {
    case 'product': {
      const turned = ops.contiguous(ops.t(G));
      const ofA = ops.t(ops.linear(turned, ops.contiguous(ops.t(ops.detach(B)))));
      return ops.add(paired(A, ofA), paired(B, ops.linear(G, ops.detach(A))));
    }
    case 'columns':
      return paired(delta.value, ops.indexSelect(G, 1, delta.index));
    case 'rows':
      return paired(delta.value, ops.indexSelect(G, 0, delta.index));
    case 'sparse':
      throw new Bug('places that come and go are not on a grid, which was to be refused');
  }
}

function ownRows({ parameters }: OnGrid, { path }: LinearLayer, rows: Rows): OwnRows {
  return (suffix) => narrowed(parameters.value(`${path}.${suffix}`), rows);
}

function reader({ adapter, parameters }: OnGrid, { path }: LinearLayer) {
  if (adapter === null) throw new Bug('a model without an adapter has no tensors of one');
  return (suffix: string): Tensor => parameters.value(tensorName(adapter, path, suffix));
}

function gridOf({ onGrid }: OnGrid) {
  if (onGrid === null) throw new Bug('this model is on no grid');
  return onGrid;
}

function narrowed(tensor: Tensor, [first, behind]: Rows): Tensor {
  return ops.narrow(tensor, 0, first, behind - first);
}
