// Builds a model from files and a method: all axes filled in, on its device, ready for its first
// step. Tensors are read, checked and quantized on the host, which has them anyway, so every device
// begins with the same bits.

import { Bug } from '../../crds/failures/errors.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { familyOf, placesOf } from '../decoder/registry.ts';
import {
  type ModelConfig,
  type Places,
  sharedPlace,
  type TensorSpec,
  trainsWhole,
} from '../families/family.ts';
import {
  type Adapter,
  type Initial,
  type LinearLayer,
  type MlpLayer,
  withInitial,
} from '../methods/adapters/adapter.ts';
import type { Precision } from '../methods/precision/precision.ts';
import type { CodeStart } from '../methods/weights/choose-codes.ts';
import type { CodebookScheme } from '../methods/weights/codebook.ts';
import { withParts } from '../methods/weights/coding.ts';
import { dense } from '../methods/weights/dense.ts';
import type { WeightGrid } from '../methods/weights/weight-grid.ts';
import type { WeightStore } from '../methods/weights/weight-store.ts';
import type { Device } from '../tensor/device.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, releasePages, type Tensor } from '../tensor/tensor.ts';
import { layersWithRank, linearLayers, mlpsOf } from './adapted-layers.ts';
import { initialOf, loadParameter } from './base-parameters.ts';
import { gridParameters } from './grid-parameters.ts';
import { inputParameters, type RoundedInputs } from './input-parameters.ts';
import type { Model } from './model.ts';
import { multiplyOut } from './multiplied-out.ts';
import { networkOf } from './networks.ts';
import { type Parameter, Parameters, type Role } from './parameters.ts';
import { reducedSource } from './reduced-source.ts';
import type { SharedBase } from './shared-base.ts';
import { residentWeights } from './weights.ts';

export interface ModelSource {
  readonly config: ModelConfig;
  /** Names as in Hugging Face files; their shapes have been checked. */
  readonly tensorNames: readonly string[];
  /** A tensor of the host in the requested type; may be the mapped file itself. */
  load(name: string, dtype: DType): Tensor;
  /** Whether the files hold it in bfloat16. */
  isBfloat16(name: string): boolean;
  /** Names of tensors that the files lack, such as a head that is made. @default none */
  readonly made?: ReadonlySet<string>;
}

/** Opened files as a source. */
export function modelSource(files: ModelFiles): ModelSource {
  const { config, tensorNames, headers } = files;
  return {
    config,
    tensorNames,
    load: (name, dtype) => scope(() => files.load(name, { dtype }), 'cpu'),
    isBfloat16: (name) => headers.tensors.get(name)?.type === 'BF16',
    made: new Set(headers.made),
  };
}

/** Takes over the tensors of one layer and returns this rank's shards of them. */
export type ShardLayer = (parameters: readonly Parameter[]) => readonly Parameter[];

/**
 * Whether a tensor of the base model is trained at any time of the run. `isWhole`: it is even
 * beside an adapter.
 */
export type Trains = (spec: TensorSpec, places: Places, isWhole: boolean) => boolean;

export interface BuildOptions {
  readonly dtype: DType;
  /** @default the processor */
  readonly device?: Device;
  readonly adapter: Adapter | null;
  /** What the adapter decomposed, by tensor name; for one that does. */
  readonly initial?: Initial;
  /** How frozen matrices are stored. @default dense */
  readonly store?: WeightStore;
  /** Arithmetic of the blocks' linear layers; owned by the model. @default the model's type */
  readonly precision?: Precision | null;
  /** @default all without an adapter; with one, what trains whole beside it */
  readonly trains?: Trains;
  /** Whether trained matrices of blocks are stored in 8 bits. @default false */
  readonly coded?: boolean;
  /**
   * Stores trained matrices of blocks as codes into codebooks, which decode to zeros until codes
   * are chosen (choose-codes.ts), unless they were before. @default null
   */
  readonly codebook?: (CodebookScheme & Partial<Pick<CodeStart, 'calibrationSequences'>>) | null;
  /** What linears of the blocks are rounded to where they are multiplied. @default none */
  readonly grid?: WeightGrid | null;
  /** Multiplies the scheduled learning rate of what chooses in a network. @default 1 */
  readonly choiceFactor?: number;
  /** Grids of the inputs of the blocks' linear layers. @default none */
  readonly inputs?: RoundedInputs | null;
  /**
   * Multiplies the scheduled learning rate of a tensor beside the weights of a block, given all of
   * them. @default its own factor
   */
  readonly factorOf?: (parameter: Parameter, beside: readonly Parameter[]) => number;
  /**
   * Called layer by layer, so that at most one layer is unsharded at a time. @default keeps all
   */
  readonly shardLayer?: ShardLayer;
  /**
   * Where frozen tensors are read from that other models of the process read too; `form` says what
   * their stored form depends on beside their files. @default from the files, for this model alone
   */
  readonly shared?: { readonly base: SharedBase; readonly form: string };
  /** Longest text of the run, by which longrope chooses; undefined where records are pictures. */
  readonly sequenceLength: number | undefined;
  readonly onTensor?: (done: number, total: number) => void;
}

/** A model of which nothing trains: the mapped files themselves are used where possible. */
export function frozenModel(
  files: ModelSource,
  options: Omit<BuildOptions, 'adapter' | 'trains'>,
): Model {
  return buildModel(files, { ...options, adapter: null, trains: () => false });
}

/** Loads every tensor; the caller disposes `parameters` of the result. */
export function buildModel(files: ModelSource, options: BuildOptions): Model {
  const { config, tensorNames } = files;
  const { adapter, dtype, device = 'cpu' } = options;
  const { trains = (_spec, _places, isWhole) => adapter === null || isWhole } = options;
  const adapted = adapter === null ? [] : layersWithRank(config, adapter, initialOf(options));
  const source =
    adapter === null ? files : reducedSource(files, adapter, adapted, initialOf(options));
  const frozen = source === files ? sharedBy(options) : null;
  const { shardLayer = (all) => all, grid = null } = options;
  const gridded = grid === null ? [] : linearLayers(config);
  const parameters = new Parameters();
  const add = (ofLayer: readonly Parameter[]): void => {
    for (const parameter of shardLayer(ofLayer)) parameters.add(parameter);
  };
  const made = <T>(make: () => T): T => scope(make, 'cpu');
  let done = 0;
  try {
    const specs = specsOf(files);
    const places = placesOf(config);
    for (const together of Map.groupBy(specs, ({ place }) => place).values()) {
      add(
        together.map((spec) => {
          const isMade = files.made?.has(spec.name) === true;
          const trained = !spec.isFixed && trains(spec, places, trainsWhole(spec, isMade));
          const load = (from: ModelSource): Parameter =>
            placed(
              made(() => loadParameter(from, spec, trained, options)),
              device,
            );
          const loaded = frozen === null || trained ? load(source) : frozen(spec.name, load);
          done += 1;
          options.onTensor?.(done, tensorNames.length);
          return spec.kind === 'choice'
            ? { ...loaded, learningRateFactor: options.choiceFactor ?? 1 }
            : loaded;
        }),
      );
    }
    const mixed = adapter?.experts === undefined ? [] : mlpsOf(config);
    for (let layer = 0; layer < config.L; layer += 1) {
      const isHere = (one: { readonly layer: number }) => one.layer === layer;
      const own = made(() => [
        ...gridded.filter(isHere).flatMap((one) => gridParameters(files, one, options)),
        ...adapted.filter(isHere).flatMap((one) => adapterParameters(one, options)),
        ...mixed.filter(isHere).flatMap((one) => expertParameters(one, options)),
        ...inputTables(config, layer, options),
      ]);
      if (own.length > 0) add(paced(own, options).map((one) => placed(one, device)));
    }
    const shared = made(() => sharedParameters(adapter, adapted)).map((one) => placed(one, device));
    add(shared.filter(({ role }) => role === 'trained'));
    for (const one of shared) if (one.role === 'kept') parameters.add(one);
    const model: Model = {
      ...{ config, places, dtype, device, parameters, weights: residentWeights },
      network: networkOf(config, options.sequenceLength),
      precision: options.precision ?? null,
      adapter,
      adapted: new Map(adapted.map((layer) => [layer.path, layer])),
      onGrid: grid && { grid, layers: new Map(gridded.map((layer) => [layer.path, layer])) },
      mixed: new Map(mixed.map((mlp) => [mlp.path, mlp])),
      inputGrid: options.inputs?.grid ?? null,
    };
    multiplyOut(model);
    return model;
  } catch (error) {
    parameters[Symbol.dispose]();
    throw error;
  }
}

function inputTables(
  config: ModelConfig,
  layer: number,
  { inputs = null }: BuildOptions,
): readonly Parameter[] {
  if (inputs === null) return [];
  const here = linearLayers(config).filter((one) => one.layer === layer);
  return here.flatMap((one) => inputParameters(one, inputs));
}

/** With the learning rate factors that the options give them. */
function paced(own: readonly Parameter[], { factorOf }: BuildOptions): readonly Parameter[] {
  if (factorOf === undefined) return own;
  return own.map((one) => ({ ...one, learningRateFactor: factorOf(one, own) }));
}

type Shared = (name: string, load: (source: ModelSource) => Parameter) => Parameter;

/** Null where each model has its own: what a run found before decides how they are stored. */
function sharedBy({ shared, store = dense }: BuildOptions): Shared | null {
  if (shared === undefined || store.calibrated !== undefined || store.mixed !== undefined) {
    return null;
  }
  const { base, form } = shared;
  return (name, load) => base.frozen(name, form, load);
}

/** Moves a parameter of the host to a device and gives its memory back. */
function placed(parameter: Parameter, device: Device): Parameter {
  if (device === 'cpu') return parameter;
  const move = (host: Tensor): Tensor => {
    const there = keep(onDevice(host, device));
    releasePages(host);
    host.dispose();
    return there;
  };
  const { coded } = parameter;
  const value = move(parameter.value);
  return coded === undefined
    ? { ...parameter, value }
    : { ...parameter, value, coded: withParts(coded, move) };
}

/** The tensors of the source, in its order. */
function specsOf({ config, tensorNames }: ModelSource): readonly TensorSpec[] {
  const known = new Map(
    familyOf(config)
      .tensors(config)
      .map((spec) => [spec.name, spec]),
  );
  return tensorNames.map((name) => {
    const spec = known.get(name);
    if (spec === undefined) throw new Bug(`${name} is not a tensor of a ${config.family}`);
    return spec;
  });
}

/** Tensors of an adapter that several of its layers share. */
function sharedParameters(
  adapter: Adapter | null,
  layers: readonly LinearLayer[],
): readonly Parameter[] {
  if (adapter?.shared === undefined) return [];
  const { trained, kept = {} } = scope(() => adapter.shared?.(layers) ?? { trained: {} });
  const parameter = (name: string, value: Tensor, role: Role): Parameter => ({
    ...{ name, layer: sharedPlace, value: keep(ops.contiguous(value)), shape: value.shape, role },
    learningRateFactor: adapter.learningRateFactor(name),
    ...{ decayed: adapter.decays(name), suffix: name },
  });
  return [
    ...Object.entries(trained).map(([name, value]) => parameter(name, value, 'trained')),
    ...Object.entries(kept).map(([name, value]) => parameter(name, value, 'kept')),
  ];
}

/** The tensors of one layer's adapter. */
function adapterParameters(layer: LinearLayer, options: BuildOptions): readonly Parameter[] {
  const { adapter } = options;
  if (adapter === null) return [];
  const initial = initialOf(options);
  const made = scope(() => withInitial(initial, layer, (own) => adapter.initialize(layer, own)));
  return parametersOf(adapter, layer, made);
}

/** The experts of one block, and what chooses among them. */
function expertParameters(mlp: MlpLayer, { adapter }: BuildOptions): readonly Parameter[] {
  if (adapter?.experts === undefined) return [];
  const { experts } = adapter;
  return parametersOf(
    adapter,
    mlp,
    scope(() => experts.initialize(mlp)),
  );
}

function parametersOf(
  adapter: Adapter,
  at: Pick<LinearLayer, 'path' | 'layer'>,
  { trained, kept = {}, chosen = {}, within }: ReturnType<Adapter['initialize']>,
): readonly Parameter[] {
  const parameter = (suffix: string, value: Tensor, role: Role): Parameter => ({
    name: `${at.path}.${suffix}`,
    layer: at.layer,
    // Files and shards take the values in row order.
    value: keep(ops.contiguous(value)),
    shape: value.shape,
    role,
    learningRateFactor: adapter.learningRateFactor(suffix),
    decayed: adapter.decays(suffix),
    suffix,
  });
  return [
    ...Object.entries(trained).map(([suffix, value]) => ({
      ...parameter(suffix, value, 'trained'),
      ...(within && { within }),
    })),
    ...Object.entries(kept).map(([suffix, value]) => parameter(suffix, value, 'kept')),
    ...Object.entries(chosen).map(([suffix, value]) => ({
      ...parameter(suffix, value, 'chosen'),
      gradientOf: `${at.path}.weight`,
    })),
  ];
}
