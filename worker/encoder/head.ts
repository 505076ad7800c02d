// The classes of the target rows, which are the first tokens of their documents.
import type { Model } from '../engine/model.ts';
import type { PackedSequence } from '../engine/packed-sequence.ts';
import { classLoss } from '../nn/class-loss.ts';
import { asType } from '../tensor/as-type.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type EncoderConfig, encoderConfig } from './config.ts';
import { encoderFamilies } from './families.ts';

type Value = (name: string) => Tensor;

/**
 * Logits of the classes, `[rows, labels]`, for `x [rows, H]`, the stream at the target rows. A head
 * is small: it is computed in float32, whatever the model has (float64 for a float64 model).
 */
export function classLogits({ family }: EncoderConfig, x: Tensor, value: Value): Tensor {
  const { dense, out } = encoderFamilies[family].head;
  const type = exactType(x.dtype);
  const wide = (values: Tensor): Tensor => asType(values, type);
  const at = (path: string, input: Tensor): Tensor =>
    ops.linear(input, wide(value(`${path}.weight`)), wide(value(`${path}.bias`)));
  return at(out, ops.tanh(at(dense, wide(x))));
}

/** Logs of their probabilities. */
export function classLogs(config: EncoderConfig, x: Tensor, value: Value): Tensor {
  return ops.logSoftmax(classLogits(config, x, value), -1);
}

/** Loss of the target rows of `x [T, H]`, the stream after the last block. */
export function headLoss(model: Model, x: Tensor, { rows, labels }: PackedSequence) {
  return scope(() => {
    const { parameters, config } = model;
    const states = ops.indexSelect(x, 0, rows);
    const logs = classLogs(encoderConfig(config), states, (name) => parameters.value(name));
    const loss = classLoss(logs, labels);
    return { rows: loss.rows, ...loss.sums };
  });
}
