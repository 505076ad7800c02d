// Refuses an artefact that differs from the trained model. One with the same bits must give the
// same logits; a rounded one may diverge as far as rounding explains (rounding.ts), and the
// divergence is reported. One in coarse codes must hold exactly those codes (codes-check.ts).
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { Model } from '../engine/model.ts';
import type { DType } from '../tensor/dtype.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactWriter } from './artifact.ts';
import { undoCodes_ } from './codes-check.ts';
import { checkLogits, compareLogits, differs, givesValues } from './reload-check.ts';
import { roundingDivergence } from './rounding.ts';

type Reload = NonNullable<RunReport['artifacts'][number]['reload']>;
type Written = Pick<ArtifactWriter, 'format' | 'rounding' | 'isRounded' | 'coded'>;

/** What is compared with the trained model; the caller disposes its parameters. */
export async function copyIn(folder: string, writer: ArtifactWriter, dtype: DType): Promise<Model> {
  return writer.asTrained?.(folder) ?? (await writer.reload(folder, dtype));
}

/** Compares the logits of the trained model with those of `copy`, which is unusable afterwards. */
export function requireSame(written: Written, trained: Tensor, copy: Model): Reload {
  const { format, coded } = written;
  if (coded === undefined) return requireClose(written, trained, copy);
  const found = compared(format, trained, copy);
  undoCodes_(format, coded, copy);
  // Inputs that are rounded say as little of a file as coarse codes do.
  requireClose(written, trained, { ...copy, precision: copy.precision?.unrounded?.() ?? null });
  return found;
}

function requireClose(
  { format, rounding, isRounded }: Written,
  trained: Tensor,
  copy: Model,
): Reload {
  using logits = keep(checkLogits(copy));
  const found = comparedLogits(format, trained, logits, givesValues(copy));
  const { largestLogitGap: gap, klDivergence: divergence } = found;
  if (rounding === null) {
    if (gap === 0) return reported(copy, found, 0);
    throw differs(
      `${format}, read back, gives logits up to ${gap.toPrecision(3)} from those of the trained model; its weights have the same bits, so they must be equal`,
    );
  }
  const allowedDivergence = roundingDivergence(copy, logits, rounding, isRounded);
  if (divergence <= allowedDivergence) return reported(copy, found, allowedDivergence);
  const sizes = `by ${divergence.toExponential(1)}; rounding to ${rounding} explains ${allowedDivergence.toExponential(1)}`;
  throw differs(`${format}, read back, diverges from the trained model ${sizes}`);
}

/** Of values only their gap says something to people. */
function reported(copy: Model, found: Compared, allowedDivergence: number): Reload {
  const { klDivergence: _, ...gap } = found;
  return givesValues(copy) ? gap : { ...found, allowedDivergence };
}

function compared(format: string, trained: Tensor, copy: Model): Compared {
  using logits = keep(checkLogits(copy));
  return comparedLogits(format, trained, logits, givesValues(copy));
}

type Compared = ReturnType<typeof compareLogits>;

function comparedLogits(
  format: string,
  trained: Tensor,
  logits: Tensor,
  areValues: boolean,
): Compared {
  const found = compareLogits(trained, logits, areValues);
  if (Number.isFinite(found.largestLogitGap)) return found;
  throw differs(`${format}, read back, gives logits that are not finite`);
}
