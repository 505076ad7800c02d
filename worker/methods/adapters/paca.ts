// PaCA: Partial Connection Adaptation for Efficient Fine-Tuning (Woo et al. 2025).
//
// Against LoRA: no product; r random columns of each weight are trained in place.
//   y = x W^T + s x[:, i] V^T      V [O, r] · i [r], drawn for each layer · s = alpha / r
// The backward of a layer needs x[:, i] alone. A layer with fewer inputs takes them all. Trained: V
// in float32, zero at first. Kept: i, ascending.
// Difference from the release: the frozen weight stays as it is and V is the change of its columns;
// the release keeps the columns themselves over s. Steps of Adam are the same, weight decay draws
// the columns to those of the base and not to zero, and a base in few bits is never rounded again.
import { alphaOf } from '../../../crds/methods/adapter-fields.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { choose, streamOf } from '../../tensor/streams.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { Adapter } from './adapter.ts';
import { type AdapterOf, onTargets } from './from-parameters.ts';

const value = 'paca_value';
const index = 'paca_index';

interface PacaSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export const pacaOf: AdapterOf<'PaCA'> = (own, common) =>
  paca({ ...onTargets(own), ...common, alpha: alphaOf(own) });

function paca({ rank, alpha, targets, seed, dtype }: PacaSettings): Adapter {
  return {
    name: 'PaCA',
    targets: ({ path }) => targets(path),
    initialize({ path, out, in: inputs }) {
      const count = Math.min(rank, inputs);
      const columns = choose(count, inputs, streamOf(seed, 'paca', path)).toSorted((a, b) => a - b);
      return {
        trained: { [value]: ops.zeros([out, count], { dtype }) },
        kept: { [index]: tensor(columns, [count], 'int32') },
      };
    },
    factors: (_, tensors) => ({
      form: 'columns',
      index: tensors(index),
      value: tensors(value),
      scale: alpha / rank,
    }),
    learningRateFactor: () => 1,
    decays: () => true,
  };
}
