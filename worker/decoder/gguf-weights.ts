// Tensors of a mapped GGUF file in the layout of Hugging Face: blocks dequantized, q and k rows in
// halves, Gemma's norms without the 1 that the format adds.
import { Bug } from '../../crds/failures/errors.ts';
import type { GgufHeader, GgufTensorInfo } from '../files/gguf-header.ts';
import { type LoadOptions, typed } from '../files/safetensors.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { mapFile, releasePages, type Tensor } from '../tensor/tensor.ts';
import type { DecoderConfig } from './config.ts';
import { convertByRows } from './convert-by-rows.ts';
import { ggufName, hasShiftedNorm, pairedHeads } from './gguf-names.ts';
import { type DecoderTensor, tensorSpecs } from './names.ts';

const plainTypes: Readonly<Record<string, DType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

export class GgufWeights implements Disposable {
  readonly #header: GgufHeader;
  readonly #config: DecoderConfig;
  readonly #specs: ReadonlyMap<string, DecoderTensor>;
  readonly #bytes: Tensor;

  constructor(file: string, header: GgufHeader, config: DecoderConfig) {
    this.#header = header;
    this.#config = config;
    this.#specs = new Map(tensorSpecs(config).map((spec) => [spec.name, spec]));
    this.#bytes = keep(mapFile(file));
  }

  load(name: string, { dtype, rows }: LoadOptions = {}): Tensor {
    const spec = this.#specs.get(name);
    const info = spec && this.#header.tensors.get(ggufName(spec));
    if (spec === undefined || info === undefined) {
      throw new Bug(`the file has no tensor for ${name}`);
    }
    const heads = pairedHeads(this.#config, spec.role);
    const isShifted = hasShiftedNorm(this.#config, spec.role);
    const stored = plainTypes[info.type.name] ?? 'float32';
    const wanted = dtype ?? stored;
    return scope(() => {
      if (heads > 0) return this.#inHalves(info, heads, rows, wanted);
      const ordered = this.#decode(info, rows, isShifted ? 'float32' : wanted);
      return isShifted ? ops.to(ops.subScalar(ordered, 1), wanted) : ordered;
    });
  }

  /** Reorders the rows of paired heads, for the heads that the range includes. */
  #inHalves(info: GgufTensorInfo, heads: number, rows: LoadOptions['rows'], dtype: DType): Tensor {
    const whole = info.shape[0] ?? 0;
    const [first, behind] = rows ?? [0, whole];
    const headRows = whole / heads;
    const from = Math.floor(first / headRows);
    const until = Math.ceil(behind / headRows);
    const values = this.#decode(info, [from * headRows, until * headRows], dtype);
    const ordered = halves(values, until - from);
    // The reordered values are a copy; the pages of the file are no longer needed.
    releasePages(values);
    return ops.narrow(ordered, 0, first - from * headRows, behind - first);
  }

  [Symbol.dispose](): void {
    this.#bytes.dispose();
  }

  #decode(info: GgufTensorInfo, rows: LoadOptions['rows'], dtype: DType): Tensor {
    const { type, shape, begin, end } = info;
    const [first, last] = rows ?? [0, shape[0] ?? 1];
    const rowBytes = (end - begin) / Math.max(1, shape[0] ?? 1);
    const sizes = [last - first, ...shape.slice(1)];
    const plain = plainTypes[type.name];
    const stored = (at: number, behind: number) =>
      ops.narrow(this.#bytes, 0, begin + at * rowBytes, (behind - at) * rowBytes);
    if (plain === dtype) {
      return ops.view(typed(stored(first, last), begin + first * rowBytes, plain), sizes);
    }
    return convertByRows(sizes, dtype, ([from, behind]) => {
      const bytes = stored(first + from, first + behind);
      const part = [behind - from, ...sizes.slice(1)];
      const count = part.reduce((n, size) => n * size, 1);
      const values =
        plain === undefined
          ? ops.ggufDequantize(bytes, type.code, count, { dtype })
          : ops.to(typed(bytes, begin + (first + from) * rowBytes, plain), dtype);
      releasePages(bytes);
      return ops.view(values, part);
    });
  }
}

/** `[heads, D/2, 2, …]`, neighbouring pairs, to `[heads, 2, D/2, …]`, halves. */
export function halves(values: Tensor, heads: number): Tensor {
  return regroup(values, heads, [(values.shape[0] ?? 0) / heads / 2, 2]);
}

/** The inverse of `halves`, for writing. */
export function pairs(values: Tensor, heads: number): Tensor {
  return regroup(values, heads, [2, (values.shape[0] ?? 0) / heads / 2]);
}

function regroup(values: Tensor, heads: number, inside: readonly number[]): Tensor {
  const { shape } = values;
  const grouped = ops.view(values, [heads, ...inside, ...shape.slice(1)]);
  return ops.reshape(ops.transpose(grouped, 1, 2), shape);
}
