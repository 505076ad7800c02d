// The tensors of a model by the worker's names, from files of any format. Opening reads headers; a
// tensor is read, dequantized and converted to the worker's layout on demand.
import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { Bug, UserError } from '../../crds/failures/errors.ts';
import {
  type ModelConfig,
  type ReadOptions,
  shapeInMemory,
  type TensorSpec,
} from '../families/family.ts';
import { forEachPiece } from '../files/header-files.ts';
import { type LoadOptions, openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import { decoderConfig } from './config.ts';
import { convertByRows } from './convert-by-rows.ts';
import type { StoredTensor } from './describe-model.ts';
import { GgufMetadata } from './gguf-metadata.ts';
import { GgufWeights } from './gguf-weights.ts';
import { madeTensor } from './made-tensor.ts';
import { type ModelOnDisk, readModelHeaders } from './model-headers.ts';
import { familyOf } from './registry.ts';
import { storedBfloat16 } from './stored-bfloat16.ts';

export interface ModelFiles extends Disposable {
  readonly headers: ModelOnDisk;
  readonly config: ModelConfig;
  /** In the order of computation. */
  readonly tensorNames: readonly string[];
  readonly tokenizerSource: TokenizerSource;
  /** Number of values that the files store in bfloat16. */
  readonly storedBfloat16: number;
  /**
   * A tensor in the worker's layout. Without a conversion it is the mapped file itself: clone what
   * is to be trained. The default type is that of the file; quantised blocks become float32, and so
   * do tensors that are made.
   */
  load(name: string, options?: LoadOptions): Tensor;
  /** SHA-256 over all files with tensors, and what is made; checkpoints name their base by it. */
  digest(): string;
}

type TokenizerSource =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'gguf'; readonly metadata: GgufMetadata };

interface OpenOptions extends ReadOptions {
  /** Names the random streams of tensors that the files lack. @default 0 */
  readonly seed?: number | bigint;
}

export function openModel(path: string, options: OpenOptions = {}): ModelFiles {
  const headers = readModelHeaders(path, options);
  confirmTiedHead(headers);
  confirmCopies(headers);
  return new OpenModel(headers, options.seed ?? 0);
}

class OpenModel implements ModelFiles {
  readonly headers: ModelOnDisk;
  readonly tensorNames: readonly string[];
  readonly #seed: number | bigint;
  readonly #made: ReadonlyMap<string, TensorSpec>;
  readonly #safetensors = new Map<string, SafetensorsFile>();
  readonly #gguf: GgufWeights | null;
  #digest: string | undefined;

  constructor(headers: ModelOnDisk, seed: number | bigint) {
    this.headers = headers;
    this.#seed = seed;
    const { gguf, config, folder, files, tensors, made } = headers;
    const specs = familyOf(config).tensors(config);
    this.#made = new Map(
      specs.filter(({ name }) => made.includes(name)).map((spec) => [spec.name, spec]),
    );
    this.tensorNames = made.length === 0 ? [...tensors.keys()] : specs.map(({ name }) => name);
    const [file = ''] = files;
    this.#gguf =
      gguf === undefined ? null : new GgufWeights(join(folder, file), gguf, decoderConfig(config));
  }

  get config(): ModelConfig {
    return this.headers.config;
  }

  get storedBfloat16(): number {
    return storedBfloat16(this.headers);
  }

  get tokenizerSource(): TokenizerSource {
    const { gguf, folder } = this.headers;
    if (gguf === undefined) return { type: 'folder', path: folder };
    return { type: 'gguf', metadata: new GgufMetadata(gguf, this.headers.path) };
  }

  load(name: string, options: LoadOptions = {}): Tensor {
    const made = this.#made.get(name);
    if (made !== undefined)
      return scope(() => inMemory(made, madeTensor(made, this.#seed, options)));
    const stored = this.headers.tensors.get(name);
    if (stored === undefined) throw new Bug(`the model has no tensor ${name}`);
    if (this.#gguf !== null) return this.#gguf.load(name, options);
    return this.#loadSafetensors(stored, options);
  }

  digest(): string {
    this.#digest ??= digestOf(this.headers, this.#seed);
    return this.#digest;
  }

  [Symbol.dispose](): void {
    this.#gguf?.[Symbol.dispose]();
    for (const file of this.#safetensors.values()) file[Symbol.dispose]();
    this.#safetensors.clear();
  }

  #loadSafetensors({ spec, file, nameInFile }: StoredTensor, options: LoadOptions): Tensor {
    // Multimodal embeddings have more rows than the text vocabulary.
    const rows = options.rows ?? [0, spec.shape[0] ?? 1];
    const from = this.#open(file);
    return scope(() => {
      const mapped = inMemory(spec, from.load(nameInFile, { rows }));
      if (options.dtype === undefined || options.dtype === mapped.dtype) return mapped;
      const { dtype } = options;
      return convertByRows(mapped.shape, dtype, ([first, behind]) => {
        const part =
          mapped.shape.length === 0 ? mapped : ops.narrow(mapped, 0, first, behind - first);
        const converted = ops.to(part, dtype);
        releasePages(part);
        return converted;
      });
    });
  }

  #open(file: string): SafetensorsFile {
    const open = this.#safetensors.get(file) ?? openSafetensors(join(this.headers.folder, file));
    this.#safetensors.set(file, open);
    return open;
  }
}

/** Rows of a convolution are those of a matrix, in the same order. */
function inMemory(spec: TensorSpec, mapped: Tensor): Tensor {
  if (spec.kind !== 'conv') return mapped;
  const [, inputs = 1] = shapeInMemory(spec);
  return ops.view(mapped, [-1, inputs]);
}

/** Covers names, sizes and bytes, so that renamed or reordered shards change it. */
function digestOf({ folder, files, made }: ModelOnDisk, seed: number | bigint): string {
  const whole = createHash('sha256');
  for (const file of files) {
    const { hash, bytes } = hashRange(join(folder, file), 0, Number.POSITIVE_INFINITY);
    whole.update(`${file}\0${bytes}\0${hash.digest('hex')}\n`);
  }
  for (const name of made) whole.update(`${name}\0made of ${seed}\n`);
  return whole.digest('hex');
}

function hashRange(file: string, begin: number, end: number): { hash: Hash; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 0;
  forEachPiece(file, begin, end, (piece) => {
    hash.update(piece);
    bytes += piece.length;
  });
  return { hash, bytes };
}

/** Some writers store the head although it is tied to the embedding. */
function confirmTiedHead({ tiedHead, tensors, path, folder, config }: ModelOnDisk): void {
  const embedding = tensors.get(familyOf(config).tied(config)?.to ?? '');
  if (tiedHead === undefined || embedding === undefined) return;
  if (bytesOf(folder, tiedHead) === bytesOf(folder, embedding)) return;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    path,
    message: `${path}: tie_word_embeddings is true, but ${tiedHead.nameInFile} differs from the embedding`,
    hint: 'set tie_word_embeddings to false in config.json if the head was trained separately',
  });
}

/** What each block of a file repeats is computed once here. */
function confirmCopies({ copies, tensors, path, folder }: ModelOnDisk): void {
  for (const [name, ofOne] of Map.groupBy(copies, ({ spec }) => spec.name)) {
    const used = tensors.get(name);
    if (used === undefined) continue;
    const expected = bytesOf(folder, used);
    const other = ofOne.find((copy) => bytesOf(folder, copy) !== expected);
    if (other === undefined) continue;
    throw new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path}: ${other.nameInFile} differs from ${used.nameInFile}; all blocks share one here, so they must be the same`,
    });
  }
}

/** A digest of the bytes of a tensor. */
function bytesOf(folder: string, { file, begin, end }: StoredTensor): string {
  return hashRange(join(folder, file), begin, end).hash.digest('hex');
}
