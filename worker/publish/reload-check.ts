// Checks an artefact by reading it back: a fixed sequence of some 64 tokens passes the trained
// model and the artefact, and the report has the largest gap between two logits and the divergence
// of the distributions.

import { TerminalError } from '../../crds/failures/errors.ts';
import { familyOf } from '../decoder/registry.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import { type PackedSequence, toSequence } from '../engine/packed-sequence.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { checkSequence } from './check-sequence.ts';

interface ReloadReport {
  readonly largestLogitGap: number;
  /** Mean over positions of KL(trained || artefact), nats; of values, half the squared gaps. */
  readonly klDivergence: number;
  readonly tokens: number;
}

/**
 * Logits of the check's targets, in float32 (float64 for a float64 model): `[64, V]` of all tokens,
 * or, where documents are classified, `[documents, classes]`.
 */
export function checkLogits(model: Model): Tensor {
  return scope(
    () => outputsOf(model, toSequence(model, checkSequence(model.config))),
    model.device,
  );
}

/** Of each target of the sequence: logits, or values of pixels. */
export function outputsOf(model: Model, sequence: PackedSequence): Tensor {
  return scope(() => {
    using walk = new BlockWalk(model, [sequence], { head: true });
    const [x] = walk.finish();
    const { network } = model;
    const [sides = noSides] = walk.sides;
    return network.logits(model, network.targetStates(model, x as Tensor, sequence, sides));
  });
}

/** Of a file that, read back, is not what was trained. */
export function differs(message: string): TerminalError {
  return new TerminalError({
    code: 'E_PUBLISH_FAILED',
    message,
    hint: 'nothing was published; the same command writes it again, and if it fails again, report it',
  });
}

/** Values of pixels and boxes are no distributions. */
export function givesValues({ config }: Pick<Model, 'config'>): boolean {
  const { targets } = familyOf(config);
  return targets === 'Pixels' || targets === 'Patches';
}

/**
 * Compares logits in panels of rows: in float64 a row is large. `areValues`: they are of no
 * distribution.
 */
export function compareLogits(trained: Tensor, artefact: Tensor, areValues = false): ReloadReport {
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
      if (areValues) {
        divergence += item(ops.sum(ops.square(ops.sub(a, b)))) / 2;
        return;
      }
      const [p, q] = [ops.logSoftmax(a, -1), ops.logSoftmax(b, -1)];
      divergence += item(ops.sum(ops.mul(ops.exp(p), ops.sub(p, q))));
    });
  }
  return { largestLogitGap: largest, klDivergence: divergence / (rows || 1), tokens: rows };
}

/** About ten float64 tensors of this size exist at once. */
const valuesAtOnce = 2 ** 19;
