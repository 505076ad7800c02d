/** The dense model, a copy whose linear layers change, and the tokens that both read. */
import { isCalibrated } from '../../../crds/api/quantization.ts';
import type { PreparedRecord, RunRecord } from '../../../crds/wire/run-folder.ts';
import { openFeed } from '../../../worker/data/feed.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { typeOfRows } from '../../../worker/files/gguf-blocks.ts';
import { ggufTensorType } from '../../../worker/files/gguf-types.ts';
import type { LinearLayer } from '../../../worker/methods/adapters/adapter.ts';
import { asBfloat16 } from '../../../worker/methods/weights/learned-step.ts';
import { ColumnImportance, calibrationOf } from '../../../worker/publish/calibration.ts';
import { tokenScores } from '../../../worker/publish/divergence.ts';
import { divergenceOf } from '../../../worker/publish/divergence-statistics.ts';
import { ggufRounded } from '../../../worker/publish/gguf.ts';
import { roundingOf } from '../../../worker/publish/quantized-artifact.ts';
import { lowRankError } from '../../../worker/quantize/low-rank-error.ts';
import { QuantizedLayers } from '../../../worker/quantize/quantized-layers.ts';
import { inputGridOf, withRoundedInputs } from '../../../worker/quantize/rounded-inputs.ts';
import { isFloat } from '../../../worker/quantize/rounding-grid.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { streamOf } from '../../../worker/tensor/rng.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
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
  const values =
    variant.type === 'Integers'
      ? await integers(study, variant, made, signal)
      : await blocks(study, variant, made, signal);
  const seconds = (performance.now() - began) / 1000;
  for (const layer of layers) copy.parameters.change(`${layer.path}.weight`, () => values(layer));
  const inputs = variant.type === 'Integers' ? inputGridOf(variant.quantization) : null;
  const artifact = { ...copy, precision: inputs && withRoundedInputs(inputs) };
  const scores = await tokenScores({ trained: dense, artifact }, heldOut, () =>
    signal.throwIfAborted(),
  );
  for (const { path } of layers) copy.parameters.unchange(`${path}.weight`);
  copy.parameters.disposeMade();
  const divergence = divergenceOf(scores, streamOf(0n, 'bench'));
  return { bits: bitsOf(variant, layers), divergence, seconds };
}

type Made<Type extends Variant['type']> = Extract<Variant, { type: Type }>;
type Values = (layer: LinearLayer) => Tensor;

async function integers(
  { run, prepared, dense, layers, calibrated }: Study,
  { quantization, grid, errorRank = 0 }: Made<'Integers'>,
  made: DisposableStack,
  signal: AbortSignal,
): Promise<Values> {
  const sequences = isCalibrated(quantization)
    ? await calibrationOf({ run, prepared }, calibrated, signal)
    : null;
  const settings = roundingOf(quantization);
  const found = made.use(new QuantizedLayers({ ...settings, grid: grid ?? settings.grid }));
  const weightOf = (layer: LinearLayer) => ops.clone(weightIn(dense, layer));
  for (const _ of found.make({ model: dense, layers, weightOf, sequences })) {
    signal.throwIfAborted();
  }
  if (errorRank === 0) return ({ path, out }) => found.values(path, [0, out]);
  const facts = { run, prepared, model: dense };
  using columns = new ColumnImportance(facts, calibrated, { emit: () => {}, stop: signal });
  await columns.measure();
  return corrected(made, layers, (layer) => {
    const values = found.values(layer.path, [0, layer.out]);
    const error = ops.sub(weightIn(dense, layer), values);
    const { A, B } = lowRankError(error, errorRank, columns.of(`${layer.path}.weight`));
    return ops.add(values, ops.mm(asBfloat16(B), asBfloat16(A)));
  });
}

/** Made once, and kept. */
function corrected(
  made: DisposableStack,
  layers: readonly LinearLayer[],
  make: (layer: LinearLayer) => Tensor,
): Values {
  const all = new Map(
    layers.map((layer) => [
      layer.path,
      made.adopt(keep(scope(() => make(layer))), (own) => own.dispose()),
    ]),
  );
  return ({ path }) => ops.clone(all.get(path) ?? ops.empty([0]));
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
  return ({ path }) => ops.clone(all.get(path) ?? ops.empty([0]));
}

function weightIn({ parameters }: Model, { path }: LinearLayer): Tensor {
  return parameters.value(`${path}.weight`);
}

function bitsOf(variant: Variant, layers: readonly LinearLayer[]): number {
  let bits = 0;
  let weights = 0;
  for (const { out, in: inputs } of layers) {
    weights += out * inputs;
    bits += out * inputs * bitsOfRow(variant, inputs);
    if (variant.type === 'Integers') bits += 16 * (variant.errorRank ?? 0) * (out + inputs);
  }
  return bits / weights;
}

/** A scale is 16 bits, a zero point as many as a code. */
function bitsOfRow(variant: Variant, columns: number): number {
  if (variant.type === 'Blocks') {
    const { blockBytes, blockSize } = ggufTensorType(typeOfRows(columns, variant.blocks));
    return (8 * blockBytes) / blockSize;
  }
  const grid = variant.grid ?? roundingOf(variant.quantization).grid;
  const { groupSize = columns } = grid;
  if (!isFloat(grid)) {
    return grid.bits + (grid.range === 'Symmetric' ? 16 : 16 + grid.bits) / groupSize;
  }
  // Of scales: 16 bits, 8, an exponent, or k beside the scale of a row.
  const ofScale = { BFloat16: 16, E4M3: 8, PowerOfTwo: 8, RowPowers: 4 }[grid.scales];
  const ofRow = grid.scales === 'RowPowers' ? 16 / columns : 0;
  return (grid.format === 'e4m3' ? 8 : 4) + ofScale / groupSize + ofRow;
}
