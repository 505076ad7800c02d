// The trained model, quantized to integers after training (spec.output.quantization), in a form
// that holds them. Integers are made when the folder is written, and kept until it was compared.
import { setImmediate } from 'node:timers/promises';
import {
  groupSizeOf,
  isCalibrated,
  isTransformed,
  type Quantization,
} from '../../crds/api/quantization.ts';
import type { ResultClass } from '../../crds/evaluation/form.ts';
import { type IntegerForm, resultFolder } from '../../crds/names/result-folders.ts';
import { parseDecimal } from '../../crds/schema/decimal.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { Rows } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { TransformSettings } from '../quantize/block-transforms.ts';
import { QuantizedLayers } from '../quantize/quantized-layers.ts';
import { inputGridOf, roundedTokens } from '../quantize/rounded-inputs.ts';
import { isFloat, type RoundingGrid } from '../quantize/rounding-grid.ts';
import type { RoleContext } from '../role.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { awqLayout } from './awq-layout.ts';
import { calibrationFor } from './calibration.ts';
import { codedPipeline } from './coded-pipeline.ts';
import type { CodedTensor } from './codes-check.ts';
import { codedFile } from './compressed-tensors.ts';
import { float4 } from './float4-layout.ts';
import { gptqLayout } from './gptq-layout.ts';
import { type IntegerLayout, integersIn } from './integer-layout.ts';
import type { LinearLayout } from './linear-layout.ts';
import { mergedPanels } from './merge.ts';
import { packQuantized } from './packed-integers-layout.ts';
import { plainRows } from './plain-layout.ts';

type Context = Pick<RoleContext, 'emit' | 'stop'>;

export function quantizedArtifact(
  facts: ArtifactFacts,
  format: IntegerForm,
  quantization: Quantization,
  context: Context,
): ArtifactWriter {
  const layers = linearLayers(facts.files.config);
  const integers = new QuantizedLayers(
    roundingOf(quantization, foreignLayouts[format]),
    transformsOf(quantization),
  );
  const { lowRank: rank } = quantization;
  const coded = {
    layers: new Map(layers.map((layer) => [layer.path, layer])),
    layout: layoutOf(format, quantization, integers, facts.model.dtype),
    inputs: inputGridOf(quantization),
    vector: (name: string) => integers.vector(name),
    branches: rank === 0 ? null : { rank, layers, of: (path: string) => integers.branch(path) },
  };
  const { config } = facts.files;
  const file =
    config.kind === 'diffusion'
      ? codedPipeline(facts, {
          ...{ ...coded, config },
          values: (path, rows) => integers.values(path, rows),
          divisor: (path) => integers.divisor(path),
        })
      : codedFile(facts, coded);
  return {
    format,
    folder: resultFolder[format],
    rounding: 'float32',
    get made() {
      return {
        weightBits: Math.min(bitsOf(quantization), ...integers.widths.values()),
        ...activationsOf(quantization),
        made: isCalibrated(quantization) ? ('Calibration' as const) : ('Rounding' as const),
      };
    },
    coded: layers.map((layer) => codedTensor(facts, layer, integers)),
    async write(folder) {
      await quantizeAll(facts, quantization, { context, layers, integers });
      return await file.write(folder);
    },
    reload: file.reload,
    dispose: () => integers[Symbol.dispose](),
  };
}

/** Of other formats than compressed-tensors. */
const foreignLayouts: { readonly [Form in IntegerForm]?: IntegerLayout } = {
  GPTQ: gptqLayout,
  AWQ: awqLayout,
};

function layoutOf(
  format: IntegerForm,
  own: Quantization,
  integers: QuantizedLayers,
  dtype: DType,
): LinearLayout {
  const { weights, bits, range } = own;
  const coded = (layer: LinearLayer, rows: Rows) => integers.coded(layer, rows);
  if (weights === 'NVFP4' || weights === 'MXFP4') {
    return float4({ form: weights, coded, global: (layer) => integers.global(layer) });
  }
  if (weights !== 'Integer') return plainRows({ type: 'float8_e4m3fn', coded }, dtype);
  const groupSize = groupSizeOf(own);
  // Eight bits beside inputs of eight bits stand as they are: products read them.
  const isPlain = bits === 8 && range === 'Symmetric' && groupSize === undefined;
  return own.activations === 'Int8' && isPlain
    ? plainRows({ type: 'int8', coded }, dtype)
    : integersIn(
        foreignLayouts[format] ?? packQuantized,
        {
          ...{ bits, range, groupSize, coded },
          ...(own.averageBits === undefined ? {} : { widths: () => integers.widths }),
        },
        dtype,
      );
}

function activationsOf(own: Quantization): Pick<ResultClass, 'activations'> {
  const grid = inputGridOf(own);
  if (grid === null) return {};
  const type = grid === 'Float8' ? 'Float' : 'Integer';
  return { activations: { bits: grid === 'Int4' ? 4 : 8, type } };
}

type Settings = ConstructorParameters<typeof QuantizedLayers>[0];

export function roundingOf(
  own: Quantization,
  { least }: Pick<IntegerLayout, 'least'> = {},
): Settings {
  const { method, iterations, window, overlap } = own;
  return {
    grid: gridOf(own, least),
    steps: own.scales,
    rounding: method === 'GPTQ' || method === 'AdaQuant' ? method : 'Nearest',
    refits: own.scaleRefits,
    inputs: inputGridOf(own),
    lowRank: own.lowRank,
    averageBits: own.averageBits === undefined ? undefined : parseDecimal(own.averageBits),
    iterations,
    windows: method === 'CBQ' ? { window, overlap, iterations } : undefined,
  };
}

function gridOf(own: Quantization, least: IntegerLayout['least']): RoundingGrid {
  const groupSize = groupSizeOf(own);
  switch (own.weights) {
    case 'Integer':
      return { bits: own.bits, range: own.range, groupSize, ...(least && { least }) };
    case 'FP8':
      return { format: 'e4m3', scales: 'BFloat16', groupSize };
    case 'FP4':
      return { format: 'e2m1', scales: 'RowPowers', groupSize };
    case 'NVFP4':
      return { format: 'e2m1', scales: 'E4M3', groupSize };
    case 'MXFP4':
      return { format: 'e2m1', scales: 'PowerOfTwo', groupSize };
  }
}

function bitsOf({ weights, bits }: Quantization): number {
  if (weights === 'Integer') return bits;
  return weights === 'FP8' ? 8 : 4;
}

/** What is done to the model before; null for nothing. */
export function transformsOf(own: Quantization): TransformSettings | null {
  const { smoothing, lowRank: rank, splitChannels: splits } = own;
  const { grid, inputs: rounded } = roundingOf(own);
  if (!isTransformed(own) || isFloat(grid)) return null;
  const inputs = rounded ? (x: Tensor) => roundedTokens(x, rounded) : undefined;
  return { grid, inputs, smoothing, rank, splits, iterations: 5 };
}

interface Making {
  readonly context: Context;
  readonly layers: readonly LinearLayer[];
  readonly integers: QuantizedLayers;
}

async function quantizeAll(
  facts: ArtifactFacts,
  quantization: Quantization,
  { context: { emit, stop }, layers, integers }: Making,
): Promise<void> {
  const { model } = facts;
  const sequences = isCalibrated(quantization)
    ? await calibrationFor(facts, quantization, stop)
    : null;
  const amount =
    sequences === null
      ? ({ total: layers.length, unit: 'Layers' } as const)
      : ({ total: model.config.L, unit: 'Blocks' } as const);
  const weightOf = (layer: LinearLayer) => trainedWeight(facts, layer);
  const trained = { model, layers, weightOf, sequences };
  for (const [subject, steps] of [
    ['bits', integers.choose(trained)],
    ['quantized weights', integers.make(trained)],
  ] as const) {
    let told = -1;
    for (const done of steps) {
      const progress = { ...amount, subject, done };
      if (done > told) emit({ type: 'stage', stage: 'Export', state: 'Running', ...progress });
      told = done;
      // A request to stop is received here.
      await setImmediate();
      stop.throwIfAborted();
    }
  }
}

/** With what an adapter adds, in float32. */
function trainedWeight(facts: ArtifactFacts, { path, out, in: inputs }: LinearLayer): Tensor {
  const whole = ops.empty([out, inputs], { dtype: 'float32' });
  let first = 0;
  for (const panel of mergedPanels(facts, `${path}.weight`, 'float32')) {
    using own = panel;
    const count = own.shape[0] ?? 0;
    ops.copy_(ops.narrow(whole, 0, first, count), own);
    first += count;
  }
  return whole;
}

function codedTensor(
  facts: ArtifactFacts,
  layer: LinearLayer,
  integers: QuantizedLayers,
): CodedTensor {
  const name = `${layer.path}.weight`;
  return {
    name,
    panels: () => uncodedPanels(facts, layer, integers),
    decoded: ({ shape: [rows = 0] }, first) => integers.values(layer.path, [first, first + rows]),
  };
}

/** What integers stand for. */
function* uncodedPanels(
  facts: ArtifactFacts,
  layer: LinearLayer,
  integers: QuantizedLayers,
): Generator<Tensor> {
  let first = 0;
  for (const panel of mergedPanels(facts, `${layer.path}.weight`, 'float32')) {
    const behind = first + (panel.shape[0] ?? 0);
    yield integers.uncoded(layer.path, panel, [first, behind]);
    first = behind;
  }
}
