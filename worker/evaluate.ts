// Loss on records that are never learned from: the forward of training without a tape.
import { type HostBin, toBin } from './engine/bin.ts';
import { residualStream } from './engine/forward.ts';
import { headLoss } from './engine/head.ts';
import type { Model } from './engine/model.ts';
import { scope } from './tensor/scope.ts';
import { item } from './tensor/tensor.ts';

export interface Evaluation {
  /** Mean negative log-likelihood of a learned token, nats. */
  readonly loss: number;
  readonly perplexity: number;
  /** Share of learned tokens that the model would have chosen itself. */
  readonly accuracy: number;
  readonly tokens: number;
}

/** Runs the bins one by one; `stopped` is asked between two of them. */
export function evaluate(
  model: Model,
  bins: Iterable<HostBin>,
  stopped: () => boolean,
): Evaluation | null {
  let nll = 0;
  let correct = 0;
  let tokens = 0;
  for (const host of bins) {
    if (stopped()) return null;
    if (host.learned === 0) continue;
    const sums = scope(() => lossOf(model, host));
    nll += sums.nll;
    correct += sums.correct;
    tokens += host.learned;
  }
  const loss = nll / tokens;
  return { loss, perplexity: Math.exp(loss), accuracy: correct / tokens, tokens };
}

function lossOf(model: Model, host: HostBin): { readonly nll: number; readonly correct: number } {
  const bin = toBin(model.rope, host, model.dtype);
  const x = residualStream(model, bin);
  const { nll, correct } = headLoss(model, x, bin);
  return { nll: item(nll), correct: item(correct) };
}
