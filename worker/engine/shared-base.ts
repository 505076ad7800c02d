// Frozen tensors of a base that several models of one process read: each is loaded, and quantized,
// once. A model disposes a handle of its own; the storage goes with the last one.
import type { ModelFiles } from '../decoder/model-files.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type ModelSource, modelSource } from './build-model.ts';
import type { Parameter } from './parameters.ts';

export class SharedBase implements Disposable {
  readonly #files: ModelFiles;
  /** Digest of the files. */
  readonly digest: string;
  readonly #loaded = new Map<string, Parameter>();

  /** Takes over the files. */
  constructor(files: ModelFiles, digest: string) {
    this.#files = files;
    this.digest = digest;
  }

  /** Tensors that were loaded so far. */
  get count(): number {
    return this.#loaded.size;
  }

  /** The frozen tensor of this name; `form` says all that its stored form depends on. */
  frozen(name: string, form: string, load: (source: ModelSource) => Parameter): Parameter {
    const key = `${form}\0${name}`;
    const parameter = this.#loaded.get(key) ?? load(modelSource(this.#files));
    this.#loaded.set(key, parameter);
    return { ...parameter, value: keep(scope(() => ops.detach(parameter.value))) };
  }

  [Symbol.dispose](): void {
    for (const { value } of this.#loaded.values()) value.dispose();
    this.#loaded.clear();
    this.#files[Symbol.dispose]();
  }
}
