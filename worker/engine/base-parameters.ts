// One tensor of the base as a parameter of a model: from its file, in the form that the method
// keeps it in.
import { Bug } from '../../crds/failures/errors.ts';
import { isOfHead, type TensorSpec } from '../families/family.ts';
import type { Initial } from '../methods/adapters/adapter.ts';
import { codeNearest } from '../methods/weights/affine-groups.ts';
import { type CodebookScheme, codebookParts, emptyCodebook } from '../methods/weights/codebook.ts';
import { dense } from '../methods/weights/dense.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { BuildOptions, ModelSource } from './build-model.ts';
import { requireFinite } from './finite.ts';
import { ofChoices, type Parameter } from './parameters.ts';
import { storedBefore } from './stored-before.ts';

/** Loads one tensor; frees its source before the next is loaded. */
export function loadParameter(
  source: ModelSource,
  spec: TensorSpec,
  trained: boolean,
  options: BuildOptions,
): Parameter {
  const { coded = false, codebook = null, store = dense, shardLayer, device } = options;
  // A head that trains is small, and has no master weights beside an adapter.
  const isHead = trained && isOfHead(spec);
  const dtype = isHead ? exactType(options.dtype) : options.dtype;
  const isMatrix = isBlockMatrix(spec);
  if (trained && codebook !== null && isMatrix) {
    const before = (codebook.calibrationSequences ?? 0) > 0 ? initialOf(options) : null;
    return codebookParameter(source, spec, { ...codebook, before }, dtype);
  }
  if (trained && coded && isMatrix) return codedParameter(source, spec);
  if (!trained && isMatrix) {
    const { made, quantize } = storedBefore(source, spec.name, store, initialOf(options));
    if (made !== null) return { ...baseParameter(spec, made.shape), ...made, role: 'frozen' };
    if (quantize !== null) return quantizedParameter(source, spec, quantize);
  }
  if (trained && shardLayer !== undefined) return borrowedParameter(source, spec, dtype);
  const type = trained ? dtype : frozenType(source, spec, dtype);
  return plainParameter(source, spec, type, {
    trained,
    // What goes to a device is a copy already.
    isOwn: trained && (device ?? 'cpu') === 'cpu',
  });
}

/** Quantizes from the type of the file, whatever type the model computes in. */
function quantizedParameter(
  source: ModelSource,
  spec: TensorSpec,
  quantize: (matrix: Tensor) => Tensor,
): Parameter {
  const { value, shape } = scope(() => {
    const { name } = spec;
    const matrix = source.load(name, source.isBfloat16(name) ? 'bfloat16' : 'float32');
    requireFinite(name, matrix);
    const value = quantize(matrix);
    releasePages(matrix);
    return { value, shape: matrix.shape };
  });
  return { ...baseParameter(spec, shape), value: keep(value), role: 'frozen' };
}

/**
 * In a float32 model, frozen matrices stay in the bfloat16 of their file: products widen them as
 * they read, which gives the same bits for half the memory.
 */
function frozenType(source: ModelSource, { name, kind }: TensorSpec, dtype: DType): DType {
  const isVector = kind === 'norm' || kind === 'bias' || kind === 'vector';
  return dtype === 'float32' && source.isBfloat16(name) && !isVector ? 'bfloat16' : dtype;
}

/** Matrices inside the blocks; embedding and head are outside. */
function isBlockMatrix({ place, kind }: TensorSpec): boolean {
  return typeof place === 'number' && (kind === 'linear' || kind === 'conv');
}

/** `isOwn`: a copy; otherwise it may be the mapped file itself. */
function plainParameter(
  source: ModelSource,
  spec: TensorSpec,
  dtype: DType,
  { trained, isOwn }: { readonly trained: boolean; readonly isOwn: boolean },
): Parameter {
  const value = scope(() => {
    const loaded = loadFinite(source, spec.name, dtype);
    if (!isOwn) return loaded;
    // Training in place would copy a mapped file page by page.
    const own = ops.clone(loaded);
    releasePages(loaded);
    return own;
  });
  return {
    ...baseParameter(spec, value.shape),
    value: keep(value),
    role: trained ? 'trained' : 'frozen',
  };
}

/** The mapped file itself where possible: sharding copies and converts it. */
function borrowedParameter(source: ModelSource, spec: TensorSpec, dtype: DType): Parameter {
  const stored = source.isBfloat16(spec.name) ? 'bfloat16' : dtype;
  const value = scope(() => loadFinite(source, spec.name, stored));
  return { ...baseParameter(spec, value.shape), value: keep(value), role: 'trained' };
}

/** Checking a mapped file reads all of it; its pages are released again. */
function loadFinite(source: ModelSource, name: string, dtype: DType): Tensor {
  const loaded = source.load(name, dtype);
  requireFinite(name, loaded);
  releasePages(loaded);
  return loaded;
}

/** A matrix quantized to 8 bits, each value to the nearest. */
function codedParameter(source: ModelSource, spec: TensorSpec): Parameter {
  const { codes, scales, zeros } = scope(() => {
    const { name } = spec;
    const loaded = source.load(name, 'float32');
    requireFinite(name, loaded);
    const nearest = codeNearest(loaded, 8);
    releasePages(loaded);
    return nearest;
  });
  const parts = { scales: keep(scales), zeros: keep(zeros) };
  const coded = { type: 'Groups', parts } as const;
  return { ...baseParameter(spec, codes.shape), value: keep(codes), coded, role: 'trained' };
}

function codebookParameter(
  source: ModelSource,
  spec: TensorSpec,
  { before, ...scheme }: CodebookScheme & { readonly before: Initial | null },
  dtype: DType,
): Parameter {
  const shape = scope(() => source.load(spec.name, dtype).shape);
  const exact = exactType(dtype);
  const { codes, codebooks, scales } = scope(() => {
    const empty = emptyCodebook(shape, scheme, exact);
    if (before === null) return empty;
    for (const [name, part] of codebookParts(spec.name, empty)) {
      const mapped = before(name);
      ops.copy_(part, mapped);
      releasePages(mapped);
    }
    return empty;
  });
  const parts = { codebooks: keep(codebooks), scales: keep(scales) };
  const coded = { type: 'Codebook', parts, dtype } as const;
  return { ...baseParameter(spec, shape), value: keep(codes), coded, role: 'trained' };
}

function baseParameter({ name, place, kind }: TensorSpec, shape: readonly number[]) {
  const decayed = shape.length > 1;
  const counted = kind === 'choice' ? { counted: `${place}${ofChoices}` } : {};
  return { name, layer: place, shape, learningRateFactor: 1, decayed, ...counted } as const;
}

export function initialOf({ adapter, initial }: BuildOptions): Initial {
  const missing = (name: string): never => {
    throw new Bug(`${adapter?.name ?? 'the base'} begins with ${name}, which was not computed`);
  };
  return initial ?? missing;
}
