// The outlier score of each block (OwLore): how much of |W| * norm(x) is far above its mean. One
// pass over some sequences collects the norms of each linear layer's inputs; two passes over the
// weights compute the score. All linear layers of a block share one mean.

import { embed } from '../engine/embedding.ts';
import { type Model, tensorsOf } from '../engine/model.ts';
import { type HostSequence, sequenceContext, toSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import { denseOf } from '../methods/weights/weight-store.ts';
import { block } from '../nn/block.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
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
    scope(() => observe(model, host, inputs), model.device);
    onSequence(index + 1);
  }
  return Array.from({ length: model.config.L }, (_, layer) => {
    return withLayer(model, layer, null, () =>
      scope(() => {
        const linears = inputs.of(layer).map(([path, squares]) => ({
          weight: denseOf(model.parameters.value(`${path}.weight`)),
          squares,
        }));
        return scoreOf(linears, threshold);
      }),
    );
  });
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

/** Runs the sequence through the blocks and adds up the squared inputs of each linear layer. */
function observe(model: Model, host: HostSequence, inputs: InputSquares): void {
  const sequence = toSequence(model.rope, host, model.dtype);
  const context = sequenceContext(model.config, sequence);
  const { config } = model;
  let x = withLayer(model, 'embedding', 0, () => embed(model, sequence.ids));
  for (let layer = 0; layer < config.L; layer += 1) {
    const tensors = {
      ...tensorsOf(model, new Map(), null),
      observe: (path: string, input: Tensor) => inputs.add(layer, path, input),
    };
    const before = x;
    const next = layer + 1 < config.L ? layer + 1 : null;
    x = withLayer(model, layer, next, () =>
      scope(() => block(config, layer, tensors, before, context)),
    );
    before.dispose();
  }
}

/** Sums of squares of each input column, by path of the linear layer. */
class InputSquares implements Disposable {
  readonly #byLayer = new Map<number, Map<string, Tensor>>();

  add(layer: number, path: string, input: Tensor): void {
    const paths = this.#byLayer.get(layer) ?? new Map<string, Tensor>();
    this.#byLayer.set(layer, paths);
    const sums =
      paths.get(path) ?? keep(ops.zeros([input.shape.at(-1) ?? 0], { dtype: 'float64' }));
    paths.set(path, sums);
    scope(() => ops.add_(sums, ops.sumDim(ops.square(ops.to(input, 'float64')), [0])));
  }

  of(layer: number): readonly (readonly [string, Tensor])[] {
    return [...(this.#byLayer.get(layer) ?? [])];
  }

  [Symbol.dispose](): void {
    for (const paths of this.#byLayer.values()) for (const sums of paths.values()) sums.dispose();
  }
}
