import { BlockWalk } from '../../worker/engine/block-walk.ts';
import type { Model } from '../../worker/engine/model.ts';
import { noSides } from '../../worker/engine/network.ts';
import { type HostSequence, toSequence } from '../../worker/engine/packed-sequence.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';

/** Of the classes of each picture of a sequence, as a model says them. */
export function pictureLogits(model: Model, host: HostSequence): readonly number[] {
  return scope(() => {
    const sequence = toSequence(model, host);
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    if (x === undefined) throw new Error('the sequence did not pass the blocks');
    const { network } = model;
    const [sides = noSides] = walk.sides;
    return toArray(network.logits(model, network.targetStates(model, x, sequence, sides)));
  });
}
