// Embedding lookup and its gradient.
import type { Model } from '../engine/model.ts';
import { asType } from '../tensor/as-type.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type DecoderConfig, decoderConfig } from './config.ts';
import { embeddingName } from './names.ts';

/** Rows of the embedding at `ids [T]` in the model's type, times the family's scale: `[T, H]`. */
export function embed({ dtype, parameters, ...model }: Model, ids: Tensor): Tensor {
  const config = decoderConfig(model.config);
  const x = asType(ops.indexSelect(parameters.value(embeddingName), 0, ids), dtype);
  return config.embedScale === 1 ? x : ops.mulScalar(x, roundedScale(config, x));
}

/** Adds the gradient `g [T, H]` of the embedded rows into `into [V, H]`. */
export function embedBackward_(config: DecoderConfig, into: Tensor, g: Tensor, ids: Tensor): void {
  const scaled = config.embedScale === 1 ? g : ops.mulScalar(g, roundedScale(config, g));
  ops.indexAdd_(into, 0, ids, ops.to(scaled, into.dtype));
}

/** Gemma rounds sqrt(H) to the model's type before it multiplies. */
function roundedScale(config: DecoderConfig, like: Tensor): number {
  return like.dtype === 'bfloat16' ? toBfloat16(config.embedScale) : config.embedScale;
}

function toBfloat16(value: number): number {
  const word = new DataView(new ArrayBuffer(4));
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  word.setUint32(0, rounded >>> 0);
  return word.getFloat32(0);
}
