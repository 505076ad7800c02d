// An adapter that begins with a state that is given, instead of with what it would draw or
// decompose: that of a round of a federation.

import * as ops from '../../tensor/ops.generated.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Adapter, LinearLayer } from './adapter.ts';
import { factorA, factorB } from './adapter.ts';
import { plainDelta } from './delta.ts';

/** Tensors by name, `<module path>.<suffix>`; what `load` gives is not changed. */
export interface Stored {
  readonly names: readonly string[];
  load(name: string): Tensor;
}

/** What trains begins as `trained`, and what is in `fixed` stays. */
export function beginningWith(adapter: Adapter, trained: Stored, fixed: Stored | null): Adapter {
  return {
    ...withoutSearch(adapter),
    initialize: (layer) => ({
      trained: copiesOf(trained, layer),
      ...(fixed === null ? {} : { kept: copiesOf(fixed, layer) }),
    }),
  };
}

/** As the adapter begins by itself, on a base that `merged` products were added to. */
export function onMerged(adapter: Adapter, merged: readonly Stored[]): Adapter {
  if (merged.length === 0) return adapter;
  return {
    ...adapter,
    takesOver(layer) {
      const { A, B } = stackOf(layer, merged);
      return { left: B, right: A, scale: -1 };
    },
  };
}

/** The `merged` products as an adapter of the base as its files have it. Nothing of it trains. */
export function merely(adapter: Adapter, merged: readonly Stored[]): Adapter {
  return {
    ...withoutSearch(adapter),
    initialize(layer) {
      const { A, B } = stackOf(layer, merged);
      return { trained: {}, kept: { [factorA]: A, [factorB]: B } };
    },
    factors: (_, tensors) => plainDelta(tensors(factorA), tensors(factorB), 1),
  };
}

/** Nothing is measured before the first step. */
function withoutSearch(adapter: Adapter): Adapter {
  const { decompose: _d, readsGradient: _g, calibration: _c, spectrum: _s, ...rest } = adapter;
  return rest;
}

function stackOf({ path }: LinearLayer, merged: readonly Stored[]) {
  const of = (suffix: string) => merged.map((one) => one.load(`${path}.${suffix}`));
  return { A: ops.cat(of(factorA), 0), B: ops.cat(of(factorB), 1) };
}

function copiesOf({ names, load }: Stored, { path }: LinearLayer): Record<string, Tensor> {
  const prefix = `${path}.`;
  return Object.fromEntries(
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), ops.clone(load(name))]),
  );
}
