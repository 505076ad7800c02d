// Files + method → a model whose seams are filled in, on the device, ready for its first step.
import { UserError } from '../../crds/errors.ts';
import type { Adapter, LinearLayer } from '../adapters/adapter.ts';
import type { DecoderConfig } from '../decoder/config.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { ropeFrequencies } from '../decoder/rope.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, releasePages, type Tensor } from '../tensor/tensor.ts';
import { dense } from '../weights/dense.ts';
import type { WeightStore } from '../weights/weight-store.ts';
import { embeddingName, type Model } from './model.ts';
import { type Parameter, Parameters } from './parameters.ts';

interface ModelSource {
  readonly config: DecoderConfig;
  /** Names in Hugging Face spelling, shapes confirmed. */
  readonly tensorNames: readonly string[];
  /** A tensor in the wanted type; may be the file itself, mapped. */
  load(name: string, dtype: DType): Tensor;
  /** Whether the files hold it in bfloat16. */
  isBfloat16(name: string): boolean;
}

/** Opened files as a source. */
export function modelSource(files: ModelFiles): ModelSource {
  const { config, tensorNames, headers } = files;
  return {
    config,
    tensorNames,
    load: (name, dtype) => files.load(name, { dtype }),
    isBfloat16: (name) => headers.tensors.get(name)?.type === 'BF16',
  };
}

interface BuildOptions {
  readonly dtype: DType;
  readonly adapter: Adapter | null;
  /** How frozen matrices are stored. @default dense */
  readonly store?: WeightStore;
  /** Longest sequence of the run; longrope depends on it. */
  readonly sequenceLength: number;
  readonly onTensor?: (done: number, total: number) => void;
}

/** Loads every tensor; the caller disposes `parameters`. Without an adapter all of them train. */
export function buildModel(source: ModelSource, options: BuildOptions): Model {
  const { config, tensorNames } = source;
  const { adapter, dtype } = options;
  const parameters = new Parameters();
  try {
    for (const [index, name] of tensorNames.entries()) {
      parameters.add(loadParameter(source, name, options));
      options.onTensor?.(index + 1, tensorNames.length);
    }
    const adapted = adapter === null ? [] : adaptedLayers(config, parameters, adapter);
    for (const layer of adapted) {
      for (const added of adapterParameters(adapter, layer)) parameters.add(added);
    }
    const { full, sliding } = config.rope;
    return {
      config,
      dtype,
      rope: {
        full: ropeFrequencies(full, options.sequenceLength),
        sliding: sliding === undefined ? null : ropeFrequencies(sliding, options.sequenceLength),
      },
      parameters,
      adapter,
      adapted: new Map(adapted.map((layer) => [layer.path, layer])),
    };
  } catch (error) {
    parameters[Symbol.dispose]();
    throw error;
  }
}

/** One tensor at a time: what it was made from is given back before the next. */
function loadParameter(source: ModelSource, name: string, options: BuildOptions): Parameter {
  const { adapter, dtype, store = dense } = options;
  if (adapter === null) return baseParameter(name, keep(ownCopy(source, name, dtype)), true);
  const { quantize } = store;
  if (quantize !== null && isLinear(source.config, name)) {
    return quantizedParameter(source, name, quantize);
  }
  const value = scope(() => source.load(name, frozenType(source, name, dtype)));
  return baseParameter(name, keep(value), false);
}

/** Training in place would copy a mapped file page by page. */
function ownCopy(source: ModelSource, name: string, dtype: DType): Tensor {
  return scope(() => {
    const loaded = source.load(name, dtype);
    const own = ops.clone(loaded);
    releasePages(loaded);
    return own;
  });
}

/** Codes are of the digits that the file has, whatever is computed in. */
function quantizedParameter(
  source: ModelSource,
  name: string,
  quantize: (matrix: Tensor) => Tensor,
): Parameter {
  const { value, shape } = scope(() => {
    const matrix = source.load(name, source.isBfloat16(name) ? 'bfloat16' : 'float32');
    requireFinite(name, matrix);
    const value = quantize(matrix);
    releasePages(matrix);
    return { value, shape: matrix.shape };
  });
  return { ...baseParameter(name, keep(value), false), shape };
}

/** The largest magnitude of a group would swallow the rest of it. */
function requireFinite(name: string, matrix: Tensor): void {
  const infinity = Number.POSITIVE_INFINITY;
  if (Number.isFinite(item(ops.linalgVectorNorm(matrix, infinity)))) return;
  throw new UserError({
    code: 'E_INVALID_MODEL',
    message: `${name} has a value that is not finite; it cannot be stored in fewer bits`,
  });
}

/** Matrices of the blocks; embedding and head stay dense. */
function isLinear({ L }: DecoderConfig, name: string): boolean {
  const place = placeOf(name);
  return typeof place === 'number' && place < L && !isVector(name);
}

/**
 * Frozen matrices stay in the bfloat16 of their file in a float32 model: products widen them on the way,
 * which gives the same bits for half the memory.
 */
function frozenType(source: ModelSource, name: string, dtype: DType): DType {
  return dtype === 'float32' && source.isBfloat16(name) && !isVector(name) ? 'bfloat16' : dtype;
}

/** Norms and biases, by the names of Hugging Face files. */
function isVector(name: string): boolean {
  return /(norm\.weight|bias)$/.test(name);
}

function baseParameter(name: string, value: Tensor, trained: boolean): Parameter {
  return {
    name,
    place: placeOf(name),
    value,
    shape: value.shape,
    trained,
    learningRateFactor: 1,
    decayed: value.shape.length > 1,
  };
}

function placeOf(name: string): Parameter['place'] {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  if (layer !== undefined) return Number(layer);
  return name === embeddingName ? 'embedding' : 'head';
}

/** The linear layers of the blocks that get an adapter; never the head. */
function adaptedLayers(
  config: DecoderConfig,
  parameters: Parameters,
  adapter: Adapter,
): readonly LinearLayer[] {
  return parameters.all().flatMap(({ name, place, shape }) => {
    const [out, inputs] = shape;
    const path = name.replace(/\.weight$/, '');
    if (typeof place !== 'number' || out === undefined || inputs === undefined) return [];
    if (place >= config.L) return [];
    const layer = { path, layer: place, out, in: inputs };
    return adapter.targets(layer) ? [layer] : [];
  });
}

function adapterParameters(adapter: Adapter | null, layer: LinearLayer): readonly Parameter[] {
  if (adapter === null) return [];
  const tensors = scope(() => adapter.initialize(layer));
  return Object.entries(tensors).map(([suffix, value]) => ({
    name: `${layer.path}.${suffix}`,
    place: layer.layer,
    value: keep(value),
    shape: value.shape,
    trained: true,
    learningRateFactor: adapter.learningRateFactor(suffix),
    decayed: true,
  }));
}
