// Files of results, damaged: one tensor or many changed where they lie, as a wrong writer, a wrong
// conversion or a damaged disk would leave them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufHeader, readSafetensorsHeader } from '../../worker/files/header-files.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { fromBytes, type Tensor, toBytes } from '../../worker/tensor/tensor.ts';

interface Stored {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const plain: Readonly<Record<string, DType>> = {
  ...{ F32: 'float32', F16: 'float16', BF16: 'bfloat16', I8: 'int8' },
};
const q8 = 8;

/** The one file with tensors of a folder, in memory until it is saved. */
export class StoredResult {
  readonly tensors: readonly Stored[];
  readonly #path: string;
  readonly #bytes: Buffer;

  constructor(folder: string) {
    const name = readdirSync(folder).find((each) => /\.(safetensors|gguf)$/.test(each)) ?? '';
    this.#path = join(folder, name);
    this.#bytes = readFileSync(this.#path);
    const { tensors } = name.endsWith('.gguf')
      ? readGgufHeader(this.#path)
      : readSafetensorsHeader(this.#path);
    this.tensors = [...tensors].map(([each, { type, shape, begin, end }]) => ({
      ...{ name: each, shape, begin, end },
      type: typeof type === 'string' ? type : type.name,
    }));
  }

  get isGguf(): boolean {
    return this.#path.endsWith('.gguf');
  }

  named(pattern: RegExp): readonly Stored[] {
    return this.tensors.filter(({ name }) => pattern.test(name));
  }

  /** Values in float32, changed, in the type that the file has. */
  change(tensor: Stored, by: (values: Tensor) => Tensor): void {
    scope(() => this.#put(tensor, by(this.#values(tensor))));
  }

  exchange(a: Stored, b: Stored): void {
    const [ofA, ofB] = [a, b].map(({ begin, end }) =>
      Buffer.from(this.#bytes.subarray(begin, end)),
    ) as [Buffer, Buffer];
    ofB.copy(this.#bytes, a.begin);
    ofA.copy(this.#bytes, b.begin);
  }

  /** A number of the metadata of a GGUF file. */
  changeNumber(key: string, by: (value: number) => number): void {
    // Behind the key are its type, and the value.
    const at = this.#bytes.indexOf(key, 0, 'latin1') + key.length + 4;
    this.#bytes.writeFloatLE(by(this.#bytes.readFloatLE(at)), at);
  }

  save(): void {
    writeFileSync(this.#path, this.#bytes);
  }

  #values({ type, shape, begin, end }: Stored): Tensor {
    const bytes = new Uint8Array(this.#bytes.subarray(begin, end));
    const dtype = plain[type];
    if (dtype !== undefined) return ops.to(fromBytes(bytes, shape, dtype), 'float32');
    const blocks = fromBytes(bytes, [bytes.length], 'uint8');
    const count = shape.reduce((product, size) => product * size, 1);
    return ops.view(ops.ggufDequantize(blocks, q8, count, { dtype: 'float32' }), shape);
  }

  #put({ type, begin }: Stored, values: Tensor): void {
    const dtype = plain[type];
    const whole = ops.contiguous(values);
    const stored = dtype === undefined ? ops.ggufQuantize(whole, q8) : ops.to(whole, dtype);
    Buffer.from(toBytes(ops.contiguous(stored))).copy(this.#bytes, begin);
  }
}

/** To the nearest of 16 values in groups of 32, as a file of 4 bits has them. */
export function inFourBits(values: Tensor): Tensor {
  const groups = ops.view(ops.contiguous(values), [-1, 32]);
  const step = ops.addScalar(ops.divScalar(ops.amax(ops.abs(groups), [1], true), 7), 1e-12);
  return ops.view(ops.mul(ops.round(ops.div(groups, step)), step), values.shape);
}

/** One step of 4 bits above what it was, everywhere: a zero point that is wrong by one. */
export function wrongZero(values: Tensor): Tensor {
  return ops.add(values, ops.divScalar(ops.amax(ops.abs(values)), 7));
}

export function rolled(values: Tensor): Tensor {
  return ops.roll(values, [Math.floor((values.shape[0] ?? 0) / 2)], [0]);
}
