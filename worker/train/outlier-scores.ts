// The outlier score of each block (OwLore): how much of |W| * norm(x) is far above its mean. One
// pass over some sequences collects the norms of each linear layer's inputs; two passes over the
// weights compute the score. All linear layers of a block share one mean.

import { linearLayers } from '../engine/adapted-layers.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import { InputSquares } from '../engine/input-squares.ts';
import type { Model } from '../engine/model.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';

/** Score of each block, in percent: values above `threshold` times the mean of their block. */
export function outlierScores(
  model: Model,
  sequences: readonly HostSequence[],
  threshold: number,
  onSequence: (done: number) => void = () => {},
): readonly number[] {
  using inputs = new InputSquares();
  for (const [index, host] of sequences.entries()) {
    scope(() => {
      using walk = new BlockWalk(model, [toSequence(model, host)]);
      walk.finish({ input: (path, x) => inputs.add(path, x) });
    }, model.device);
    onSequence(index + 1);
  }
  const layers = linearLayers(model.config);
  return Array.from({ length: model.config.L }, (_, layer) =>
    scope(() => {
      return withLayer(model, layer, null, () => {
        const own = layers.filter((linear) => linear.layer === layer);
        const linears = inputs.of(own).map(([path, squares]) => ({
          weight: denseOf(model.parameters.value(`${path}.weight`)),
          squares,
        }));
        return scoreOf(linears, threshold);
      });
    }, model.device),
  );
}

interface Judged {
  /** `[O, I]` */
  readonly weight: Tensor;
  /** `[I]`, sums over tokens of the squared inputs. */
  readonly squares: Tensor;
}

/** Score of the linear layers of one block, in percent. */
export function scoreOf(linears: readonly Judged[], threshold: number): number {
  const count = linears.reduce((sum, { weight }) => sum + weight.numel, 0);
  // The 1-norm, since nothing is negative: the result of `sum` depends on the number of threads.
  const sum = linears.reduce(
    (total, one) => total + within(one, (a) => ops.linalgVectorNorm(a, 1)),
    0,
  );
  const bound = (threshold * sum) / count;
  const above = linears.reduce(
    (total, one) => total + within(one, (a) => ops.sum(ops.to(ops.gtScalar(a, bound), 'float64'))),
    0,
  );
  return (100 * above) / count;
}

/** A reduction of `|W| * sqrt(squares)`, in float64. */
function within({ weight, squares }: Judged, number: (a: Tensor) => Tensor): number {
  return scope(() => {
    const norms = ops.sqrt(squares);
    return item(number(ops.mul(ops.abs(ops.to(weight, 'float64')), norms)));
  });
}
