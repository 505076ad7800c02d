// The forward pass of one document of a decoder without a tape, for checks.
import { Bug } from '../../crds/failures/errors.ts';
import { finalNorm } from '../decoder/head.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { BlockWalk } from './block-walk.ts';
import type { Model } from './model.ts';
import { toSequence } from './packed-sequence.ts';

/** Normed hidden states of one document, ready for the head: `[T, H]`. */
export function hiddenStates(model: Model, ids: Int32Array): Tensor {
  return scope(() => {
    const sequence = toSequence(model, {
      ids,
      labels: new Int32Array(ids.length).fill(-100),
      positions: Int32Array.from(ids, (_, position) => position),
      offsets: Int32Array.of(0, ids.length),
      targetCount: 0,
      key: 0,
    });
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [normed] = walk.finish().map((x) => finalNorm(model, x));
    if (normed === undefined) throw new Bug('the document did not pass the blocks');
    return normed;
  }, model.device);
}
