// What a tracker minimizes: over all tokens of the search picture the binary cross entropy of their
// scores, which are to be how well the token's own box fits where the object is, and 0 elsewhere;
// and 1 - GIoU of the boxes where it is. Both are divided by the number of the tokens where it is,
// which are the targets: a share of what is not there counts with each of them.
//
// Shapes: N documents · s x s patches of a search picture · P targets
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import { overlapsOf } from './boxes.ts';
import { type TrackingConfig, trackingConfig } from './config.ts';
import { foundIn, headOutputs, searchStates } from './head.ts';
import { documentsIn, inputOf } from './pictures.ts';

/** Of each target, by `outputs [N s s, 5]` of the heads: `[P]`. */
export function trackingLoss(
  { contextLength, searchSide }: TrackingConfig,
  outputs: Tensor,
  sequence: PackedSequence,
): Tensor {
  const { rows } = sequence;
  const each = searchSide ** 2;
  const { scores, boxes } = foundIn(sequence, outputs);
  const documents = ops.divScalarMode(rows, contextLength, { roundingMode: 'floor' });
  // Tokens of the search picture are the last ones of a document.
  const before = ops.mulScalar(ops.addScalar(documents, 1), contextLength - each);
  const targets = ops.sub(rows, before);
  const right = ops.indexSelect(inputOf(sequence, 'box'), 0, documents);
  const { iou, giou } = overlapsOf(ops.indexSelect(boxes, 0, targets), right);
  const here = ops.mul(ops.detach(iou), ops.indexSelect(scores, 0, targets));
  // log(1 + e^s): the cross entropy of a score whose target is 0.
  const absent = ops.neg(ops.logSigmoid(ops.neg(scores)));
  const ofDocuments = ops.sumDim(ops.reshape(absent, [documentsIn(sequence), each]), [1]);
  const shared = ops.div(ofDocuments, targetsOf(sequence, documents, scores));
  const fit = ops.rsubScalar(giou, 1);
  return ops.add(ops.sub(fit, here), ops.indexSelect(shared, 0, documents));
}

/** How many each document has, `[N]`. */
function targetsOf(sequence: PackedSequence, documents: Tensor, like: Tensor): Tensor {
  const { dtype } = like;
  const one = ops.ones(documents.shape, { dtype });
  return ops.indexAdd_(ops.zeros([documentsIn(sequence)], { dtype }), 0, documents, one);
}

/** Of `x [T, H]`, the stream after the last block. */
export function trackedLoss(model: Model, x: Tensor, sequence: PackedSequence) {
  return scope(() => {
    const config = trackingConfig(model.config);
    const value = (name: string): Tensor => model.parameters.value(name);
    const outputs = headOutputs(searchStates(config, x, sequence, value), value);
    const rows = trackingLoss(config, outputs, sequence);
    const loss = ops.sum(ops.to(rows, 'float64'));
    return { rows, loss, overlaps: overlapsIn(outputs, sequence) };
  });
}

/** IoU of the box with the highest score in each document with where the object is. */
function overlapsIn(outputs: Tensor, sequence: PackedSequence): readonly number[] {
  return toArray(overlapsOf(bestBoxes(outputs, sequence), inputOf(sequence, 'box')).iou);
}

/** The box with the highest score in each document, `[N, 4]`, in parts of the search picture. */
export function bestBoxes(outputs: Tensor, sequence: PackedSequence): Tensor {
  return scope(() => {
    const count = documentsIn(sequence);
    const { scores, boxes } = foundIn(sequence, outputs);
    const each = inputOf(sequence, 'centres').shape[1] ?? 0;
    const best = ops.argmax(ops.reshape(scores, [count, each]), 1);
    const at = ops.expand(ops.view(best, [count, 1, 1]), [count, 1, 4]);
    return ops.view(ops.gather(ops.view(boxes, [count, each, 4]), 1, at), [count, 4]);
  });
}
