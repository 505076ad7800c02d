/** The dense model, a copy whose linear layers change, and the tokens that both read. */
import { isCalibrated } from '../../../crds/api/quantization.ts';
import type { PreparedRecord, RunRecord } from '../../../crds/wire/run-folder.ts';
import { openFeed } from '../../../worker/data/feed.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { ggufTensorType, typeOfRows } from '../../../worker/files/gguf-types.ts';
import type { LinearLayer } from '../../../worker/methods/adapters/adapter.ts';
import { plainDelta } from '../../../worker/methods/adapters/delta.ts';
import { ColumnImportance, calibrationOf } from '../../../worker/publish/calibration.ts';
import { tokenScores } from '../../../worker/publish/divergence.ts';
import { divergenceOf } from '../../../worker/publish/divergence-statistics.ts';
import { ggufRounded } from '../../../worker/publish/gguf.ts';
import { roundingOf, transformsOf } from '../../../worker/publish/quantized-artifact.ts';
import { QuantizedLayers } from '../../../worker/quantize/quantized-layers.ts';
import { inputGridOf, withRoundedInputs } from '../../../worker/quantize/rounded-inputs.ts';
import { isFloat } from '../../../worker/quantize/rounding-grid.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import type { Variant } from './variants.ts';

export interface Study extends Disposable {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly dense: Model;
  readonly copy: Model;
  readonly layers: readonly LinearLayer[];
  readonly heldOut: readonly HostSequence[];
  /** How many training sequences calibrated forms see. */
  readonly calibrated: number;
  readonly documents: number;
  readonly tokens: number;
}

export interface Outcome {
  /** Of a weight of the layers, with scales and zero points. */
  readonly bits: number;
  readonly divergence: ReturnType<typeof divergenceOf>;
  readonly seconds: number;
}

export async function openStudy(
  run: RunRecord,
  prepared: PreparedRecord,
  calibrated: number,
  signal: AbortSignal,
): Promise<Study> {
  using feed = await openFeed(run.spec, prepared.data, signal);
  const heldOut = [...feed.evaluationSequences()];
  using opened = new DisposableStack();
  const files = opened.use(openModel(prepared.model.path));
  const { sequenceLength } = run.spec.dataset;
  const build = () =>
    buildModel(modelSource(files), {
      ...{ dtype: 'float32', adapter: null, trains: () => false, sequenceLength },
    });
  const [dense, copy] = [build(), build()];
  for (const { parameters } of [dense, copy]) opened.use(parameters);
  const own = opened.move();
  return {
    ...{ run, prepared, dense, copy, heldOut, calibrated },
    layers: linearLayers(files.config),
    documents: heldOut.reduce((sum, { offsets }) => sum + offsets.length - 1, 0),
    tokens: heldOut.reduce((sum, { targetCount }) => sum + targetCount, 0),
    [Symbol.dispose]: () => own.dispose(),
  };
}

export async function compare(
  study: Study,
  variant: Variant,
  signal: AbortSignal,
): Promise<Outcome> {
  const { dense, copy, layers, heldOut } = study;
  using made = new DisposableStack();
  const began = performance.now();
  const { values, vector, arithmetic } =
    variant.type === 'Integers'
      ? await integers(study, variant, made, signal)
      : await blocks(study, variant, made, signal);
  const seconds = (performance.now() - began) / 1000;
  for (const layer of layers) copy.parameters.change(`${layer.path}.weight`, () => values(layer));
  const vectors = dense.parameters.all().flatMap(({ name }) => {
    const other = vector(name);
    return other === null ? [] : [{ name, other }];
  });
  for (const { name, other } of vectors) copy.parameters.change(name, () => ops.clone(other));
  const artifact = { ...copy, ...arithmetic };
  const scores = await tokenScores({ trained: dense, artifact }, heldOut, () =>
    signal.throwIfAborted(),
  );
  for (const { path } of layers) copy.parameters.unchange(`${path}.weight`);
  for (const { name } of vectors) copy.parameters.unchange(name);
  copy.parameters.disposeMade();
  const divergence = divergenceOf(scores, streamOf(0n, 'bench'));
  return { bits: bitsOf(variant, layers), divergence, seconds };
}

type Made<Type extends Variant['type']> = Extract<Variant, { type: Type }>;

interface Values {
  readonly values: (layer: LinearLayer) => Tensor;
  /** A norm or bias that is another than that of the model. */
  readonly vector: (name: string) => Tensor | null;
  /** What is multiplied in another way, and what is beside the layers. */
  readonly arithmetic?: Partial<Pick<Model, 'precision' | 'adapter' | 'adapted'>>;
}

async function integers(
  { run, prepared, dense, layers, calibrated }: Study,
  { quantization, grid }: Made<'Integers'>,
  made: DisposableStack,
  signal: AbortSignal,
): Promise<Values> {
  const sequences = isCalibrated(quantization)
    ? await calibrationOf({ run, prepared }, calibrated, signal)
    : null;
  const settings = roundingOf(quantization);
  const found = made.use(
    new QuantizedLayers({ ...settings, grid: grid ?? settings.grid }, transformsOf(quantization)),
  );
  const weightOf = (layer: LinearLayer) => ops.clone(weightIn(dense, layer));
  const trained = { model: dense, layers, weightOf, sequences };
  for (const steps of [found.choose(trained), found.make(trained)]) {
    for (const _ of steps) signal.throwIfAborted();
  }
  const inputs = inputGridOf(quantization);
  const arithmetic = {
    precision: inputs && withRoundedInputs({ grid: inputs }),
    ...(quantization.lowRank === 0 ? {} : beside(found, layers)),
  };
  const vector = (name: string) => found.vector(name);
  return { values: ({ path, out }) => found.values(path, [0, out]), vector, arithmetic };
}

/** Branches of low rank, which read inputs that are not rounded. */
function beside(
  found: QuantizedLayers,
  layers: readonly LinearLayer[],
): Pick<Model, 'adapter' | 'adapted'> {
  const factors = ({ path }: LinearLayer) => {
    const { A, B } = found.branch(path);
    return plainDelta(A, B, 1);
  };
  return {
    adapter: {
      ...{ name: 'branch', targets: () => true, initialize: () => ({ trained: {} }), factors },
      ...{ learningRateFactor: () => 1, decays: () => false },
    },
    adapted: new Map(layers.map((layer) => [layer.path, layer])),
  };
}

async function blocks(
  { run, prepared, dense, layers, calibrated }: Study,
  { blocks: type, isWeighted }: Made<'Blocks'>,
  made: DisposableStack,
  signal: AbortSignal,
): Promise<Values> {
  const facts = { run, prepared, model: dense };
  const silent = { emit: () => {}, stop: signal };
  const columns = isWeighted
    ? made.use(new ColumnImportance(facts, calibrated, silent))
    : undefined;
  await columns?.measure();
  const all = new Map<string, Tensor>();
  for (const layer of layers) {
    const name = `${layer.path}.weight`;
    const rounded = scope(() =>
      ggufRounded(weightIn(dense, layer), typeOfRows(layer.in, type), columns?.of(name)),
    );
    all.set(
      layer.path,
      made.adopt(keep(rounded), (own) => own.dispose()),
    );
  }
  const values: Values['values'] = ({ path }) => ops.clone(all.get(path) ?? ops.empty([0]));
  return { values, vector: () => null };
}

function weightIn({ parameters }: Model, { path }: LinearLayer): Tensor {
  return parameters.value(`${path}.weight`);
}

function bitsOf(variant: Variant, layers: readonly LinearLayer[]): number {
  let bits = 0;
  let weights = 0;
  for (const { out, in: inputs } of layers) {
    weights += out * inputs;
    bits += out * inputs * bitsOfRow(variant, inputs) + 16 * branchOf(variant, out, inputs);
  }
  return bits / weights;
}

/** Values of a branch beside the integers. */
function branchOf(variant: Variant, out: number, inputs: number): number {
  const rank = variant.type === 'Integers' ? variant.quantization.lowRank : 0;
  return Math.min(rank, out, inputs) * (out + inputs);
}

/** A scale is 16 bits, a zero point as many as a code. */
function bitsOfRow(variant: Variant, columns: number): number {
  if (variant.type === 'Blocks') {
    const { blockBytes, blockSize } = ggufTensorType(typeOfRows(columns, variant.blocks));
    return (8 * blockBytes) / blockSize;
  }
  const { grid: own, averageBits } = roundingOf(variant.quantization);
  const grid = variant.grid ?? own;
  const { groupSize = columns } = grid;
  if (!isFloat(grid)) {
    const bits = averageBits ?? grid.bits;
    return bits + (grid.range === 'Symmetric' ? 16 : 16 + bits) / groupSize;
  }
  // Of scales: 16 bits, 8, an exponent, or k beside the scale of a row.
  const ofScale = { BFloat16: 16, E4M3: 8, PowerOfTwo: 8, RowPowers: 4 }[grid.scales];
  const ofRow = grid.scales === 'RowPowers' ? 16 / columns : 0;
  return (grid.format === 'e4m3' ? 8 : 4) + ofScale / groupSize + ofRow;
}
