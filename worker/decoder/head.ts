// Final norm, head and loss of a decoder.
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { rmsNorm } from '../nn/rms-norm.ts';
import {
  lastNorm,
  type VocabularyHead,
  vocabularyLogits,
  vocabularyLoss,
  vocabularyTop,
} from '../nn/vocabulary-head.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { decoderConfig } from './config.ts';
import { finalNormName, headName } from './names.ts';

export function decoderHead({ config }: Pick<Model, 'config'>): VocabularyHead {
  const { normEps, normOffset, logitCap = 0, ...rest } = decoderConfig(config);
  return {
    norms: [finalNormName],
    normed: (x, value) =>
      rmsNorm(x, { weight: value(finalNormName), epsilon: normEps, offset: normOffset }),
    matrix: headName(rest),
    cap: logitCap,
  };
}

/** The loss of the sequence's target rows; keeps nothing for a backward. */
export function headLoss(model: Model, x: Tensor, sequence: PackedSequence) {
  return vocabularyLoss(decoderHead(model), model, x, sequence);
}

/** See `vocabularyTop`. */
export function headTop(
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  settings: Parameters<typeof vocabularyTop>[4],
) {
  return vocabularyTop(decoderHead(model), model, x, sequence, settings);
}

/** The norm before the head. */
export function finalNorm(model: Model, x: Tensor): Tensor {
  return lastNorm(decoderHead(model), model, x);
}

/** Logits of normed hidden states `[rows, H]`, in float32 (float64 for a float64 model). */
export function headLogits(model: Model, h: Tensor): Tensor {
  return vocabularyLogits(decoderHead(model), model, h);
}
