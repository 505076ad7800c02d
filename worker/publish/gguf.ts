// A model as one GGUF file: matrices in the chosen type, norms and biases in F32, q and k of the
// architecture `llama` as neighbouring pairs, Gemma's norms plus 1. Tensors are computed one after
// the other while the file is written.
import { TerminalError } from '../../crds/failures/errors.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import { ggufName, hasShiftedNorm, pairedHeads } from '../decoder/gguf-names.ts';
import { pairs } from '../decoder/gguf-weights.ts';
import { type DecoderTensor, tensorSpecs } from '../decoder/names.ts';
import type { WrittenFile } from '../files/atomic-file.ts';
import { plainDTypes, rowsInBlocks, rowsOfBlocks } from '../files/gguf-blocks.ts';
import type { GgufTypeName } from '../files/gguf-types.ts';
import { type GgufPair, type GgufPlannedTensor, writeGguf } from '../files/gguf-writer.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor, tensor, toBytes } from '../tensor/tensor.ts';
import { ggufPairs, ggufTables } from './gguf-metadata.ts';
import { type GgufFileType, storedType } from './gguf-mix.ts';

interface GgufModel {
  readonly config: DecoderConfig;
  /** Display name. */
  readonly name: string;
  readonly fileType: GgufFileType;
  /** Of token embedding and head. @default Q6_K in a coarse file, else as all */
  readonly vocabulary?: GgufTypeName;
  /** Its part of the metadata (gguf-tokenizer.ts). */
  readonly tokenizer: ReadonlyMap<string, GgufPair>;
  /**
   * A tensor by its Hugging Face name and layout, in panels of rows that are multiples of `step`;
   * each is disposed before the next. Called once for each tensor, in the order of the file.
   */
  panels(name: string, step: number): Iterable<Tensor>;
  /** What each column of a matrix counts for while codes are chosen; null: by the weights alone. */
  importance?(name: string): Tensor | null;
  /** The rows of a matrix that was trained as blocks, uint8 `[rows, bytes]`. @default of none */
  blocks?(name: string): Tensor | null;
}

export async function writeGgufModel(
  path: string,
  model: GgufModel,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  const { config, name, fileType, tokenizer } = model;
  const metadata = new Map<string, GgufPair>([...ggufPairs(config, name, fileType), ...tokenizer]);
  const tables = [...ggufTables(config)].map(([table, values]) => {
    const parts = () => [scope(() => toBytes(tensor(values, [values.length], 'float32')))];
    return [table, { type: 'F32', shape: [values.length], parts }] as const;
  });
  const weights = tensorSpecs(config).map((spec) => [ggufName(spec), plan(model, spec)] as const);
  const tensors = new Map<string, GgufPlannedTensor>([...tables, ...weights]);
  return await writeGguf(path, metadata, tensors, signal);
}

function plan(model: GgufModel, spec: DecoderTensor): GgufPlannedTensor {
  const { shape } = spec;
  const type = storedType(spec, model.fileType, model.vocabulary);
  return { type, shape, parts: () => encoded(model, spec, type) };
}

function* encoded(
  { config, panels, importance, blocks }: GgufModel,
  { name, role, shape }: DecoderTensor,
  type: GgufTypeName,
): Generator<Uint8Array> {
  const heads = pairedHeads(config, role);
  const headRows = heads > 0 ? (shape[0] ?? 0) / heads : 1;
  const isShifted = hasShiftedNorm(config, role);
  using trained = blocks?.(name) ?? null;
  if (trained !== null) {
    yield scope(() => toBytes(ops.contiguous(heads > 0 ? pairs(trained, heads) : trained)));
    return;
  }
  for (const panel of panels(name, headRows)) {
    using own = panel;
    yield scope(() => {
      const ordered = heads > 0 ? pairs(own, (own.shape[0] ?? 0) / headRows) : own;
      const values = isShifted ? ops.addScalar(ops.to(ordered, 'float32'), 1) : ordered;
      return encode(name, ops.contiguous(values), type, importance?.(name) ?? null);
    });
  }
}

function encode(
  name: string,
  values: Tensor,
  type: GgufTypeName,
  importance: Tensor | null,
): Uint8Array {
  const dtype = plainDTypes[type];
  if (dtype === undefined) {
    // Steps of blocks are float16; of Q8_0 they are far smaller than its values.
    requireFinite(name, type === 'Q8_0' ? values : ops.to(values, 'float16'), type);
  } else if (type === 'F16') {
    requireFinite(name, ops.to(values, dtype), type);
  }
  return toBytes(rowsInBlocks(values, type, importance));
}

/** What a file of this type gives back of rows, in float32. */
export function ggufRounded(
  rows: Tensor,
  type: GgufTypeName,
  importance: Tensor | null = null,
): Tensor {
  return rowsOfBlocks(rowsInBlocks(rows, type, importance), type, rows.shape);
}

/** Refuses NaN and infinity: float16 ends at 65,504, and quantized blocks share one scale. */
function requireFinite(name: string, values: Tensor, type: GgufTypeName): void {
  if (values.numel === 0 || item(ops.all(ops.isfinite(values))) !== 0) return;
  throw new TerminalError({
    code: 'E_PUBLISH_FAILED',
    message: `${name} has a value that ${type} cannot represent; the GGUF file was not written`,
    hint: 'choose BF16 or F32',
  });
}
