// Checks an artefact by reading it back: runs a fixed sequence of 64 tokens through the trained
// model and through the artefact, and reports the largest gap between two logits and the divergence
// of the distributions.

import { familyOf } from '../decoder/registry.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import { type HostSequence, toSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';

export const checkTokens = 64;

interface ReloadReport {
  readonly largestLogitGap: number;
  /** Mean over positions of KL(trained || artefact), nats. */
  readonly klDivergence: number;
  readonly tokens: number;
}

/** Token ids of the check: spread over the vocabulary, the same for every model of that size. */
export function checkIds(vocabulary: number): Int32Array {
  return Int32Array.from({ length: checkTokens }, (_, i) => (i * 7919 + 11) % vocabulary);
}

/**
 * Logits of the check's targets, in float32 (float64 for a float64 model): `[64, V]` of all tokens,
 * or, where documents are classified, `[8, classes]` of eight documents.
 */
export function checkLogits(model: Model): Tensor {
  return scope(() => {
    const sequence = toSequence(model, checkSequence(model));
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    const { network } = model;
    const [sides = noSides] = walk.sides;
    return network.logits(model, network.targetStates(model, x as Tensor, sequence, sides));
  }, model.device);
}

function checkSequence({ config }: Model): HostSequence {
  const ids = checkIds(config.V);
  const isWhole = familyOf(config).targets === 'Tokens';
  const length = isWhole ? checkTokens : checkTokens / 8;
  const labels = ids.map((_, i) => (isWhole || i % length === 0 ? 0 : -100));
  return {
    ...{ ids, labels, positions: ids.map((_, i) => i % length), key: 0 },
    offsets: Int32Array.from({ length: checkTokens / length + 1 }, (_, i) => i * length),
    targetCount: labels.filter((label) => label >= 0).length,
  };
}

/** Compares logits in panels of rows: in float64 a row is large. */
export function compareLogits(trained: Tensor, artefact: Tensor): ReloadReport {
  const [rows = 0, vocabulary = 1] = trained.shape;
  const rowsAtOnce = Math.max(1, Math.floor(valuesAtOnce / vocabulary));
  let largest = 0;
  let divergence = 0;
  for (let start = 0; start < rows; start += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - start);
    scope(() => {
      const [a, b] = [trained, artefact].map((z) =>
        ops.to(ops.narrow(z, 0, start, count), 'float64'),
      ) as [Tensor, Tensor];
      const gap = item(ops.amax(ops.abs(ops.sub(a, b))));
      // Math.max keeps NaN.
      largest = Math.max(largest, gap);
      const [p, q] = [ops.logSoftmax(a, -1), ops.logSoftmax(b, -1)];
      divergence += item(ops.sum(ops.mul(ops.exp(p), ops.sub(p, q))));
    });
  }
  return { largestLogitGap: largest, klDivergence: divergence / (rows || 1), tokens: rows };
}

/** About ten float64 tensors of this size exist at once. */
const valuesAtOnce = 2 ** 19;
