// QLLM (Liu et al. 2024): a channel that is far larger than the others is split into T parts, each
// a T-th of it, whose columns of the weight are the same; the outputs are, too, and what is rounded
// has no outlier. Before `down` this costs nothing while the model runs: rows of gate and up are
// repeated, and those of up divided by T. The threshold is the one that adds so many parts.
//
// Files keep their sizes: parts take the places of the channels that count least, which are left
// out. Merging pairs of channels, as the paper has it, would need an operation after the gate.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import { type Outputs, relativeLoss, type TrialSettings, tried } from './trial.ts';

export interface ChannelSplit {
  /** The channel in each place: int64 `[I]`. */
  readonly index: Tensor;
  /** Of how many parts it is one: float32 `[I]`. */
  readonly parts: Tensor;
}

/** `x [T, I]` as the layer reads it. */
export function splitInputs(x: Tensor, { index, parts }: ChannelSplit): Tensor {
  return scope(() => ops.div(ops.indexSelect(x, 1, index), parts));
}

/** The Gram matrix of such inputs. */
export function splitGram(gram: Tensor, { index, parts }: ChannelSplit): Tensor {
  return scope(() => {
    const both = ops.indexSelect(ops.indexSelect(gram, 0, index), 1, index);
    return ops.div(ops.div(both, parts), ops.unsqueeze(parts, 1));
  });
}

/**
 * How many parts each channel has if `extra` are added, so that the largest part is least.
 */
export function partsOf(largest: readonly number[], extra: number): readonly number[] {
  const parts = largest.map(() => 1);
  const sizes = [...largest];
  for (let added = 0; added < extra; added += 1) {
    let at = 0;
    for (const [channel, size] of sizes.entries()) if (size > (sizes[at] ?? 0)) at = channel;
    const count = (parts[at] ?? 1) + 1;
    parts[at] = count;
    sizes[at] = (largest[at] ?? 0) / count;
  }
  return parts;
}

/** Puts added parts in the places of channels of one part that count least by `importance`. */
export function placed(parts: readonly number[], importance: readonly number[]): ChannelSplit {
  const count = parts.length;
  const index = parts.map((_, channel) => channel);
  const added = parts.flatMap((own, channel) => Array<number>(own - 1).fill(channel));
  const byWorth = index
    .filter((channel) => parts[channel] === 1)
    .sort((a, b) => (importance[a] ?? 0) - (importance[b] ?? 0) || a - b);
  for (const [i, channel] of added.entries()) index[byWorth[i] ?? channel] = channel;
  return {
    index: tensor(index, [count], 'int64'),
    parts: tensor(
      index.map((channel) => parts[channel] ?? 1),
      [count],
      'float32',
    ),
  };
}

interface Measured extends Outputs {
  readonly weight: Tensor;
  /** The largest magnitude of each channel of all inputs: `[I]`. */
  readonly largest: Tensor;
}

/** Of `most` added parts, a half, a quarter … and none, what loses least; null for none. */
export function searchedSplit(
  { x, y, weight, largest }: Measured,
  most: number,
  trial: TrialSettings,
): ChannelSplit | null {
  return scope(() => {
    const squares = (of: Tensor) => ops.sumDim(ops.square(of), [0]);
    const importance = numbers(ops.mul(squares(x), squares(weight)));
    const sizes = numbers(largest);
    let best: ChannelSplit | null = null;
    let least = relativeLoss({ x, y }, tried(weight, null, trial), trial);
    for (let extra = Math.min(most, sizes.length >> 1); extra >= 1; extra >>= 1) {
      const split = placed(partsOf(sizes, extra), importance);
      const loss = scope(() => {
        const columns = ops.indexSelect(weight, 1, split.index);
        const inputs = { x: splitInputs(x, split), y };
        return relativeLoss(inputs, tried(columns, null, trial), trial);
      });
      if (loss < least) [best, least] = [split, loss];
    }
    return best;
  });
}

function numbers(of: Tensor): readonly number[] {
  return [...toArray(of)].map(Number);
}
