// How weights become integers after training. What trains on a grid (method.base FakeQuantized) has
// its integers already.
import * as z from 'zod';
import { integerFields } from '../methods/integer-fields.ts';
import { decimal } from '../schema/decimal.ts';
import { type TrajectoryFields, trajectory } from './trajectory.ts';

export const quantization = z.strictObject({
  method: z
    .enum(['RoundToNearest', 'GPTQ', 'AdaQuant', 'CBQ'])
    .default('GPTQ')
    .describe(
      'RoundToNearest: each weight becomes the nearest integer. GPTQ: column after column of a layer, and each makes up for what the ones before lost of the outputs on training data. AdaQuant: weights, scales and zero points of a layer train so that its outputs stay. CBQ: scales and zero points of a window of blocks train so that its output stays.',
    ),
  iterations: z
    .int32()
    .min(0)
    .max(10_000)
    .default(100)
    .describe('Updates of a layer with AdaQuant, of a window with CBQ.'),
  window: z.int32().min(1).max(64).default(2).describe('Blocks that CBQ trains together.'),
  overlap: z
    .int32()
    .min(0)
    .max(63)
    .default(1)
    .describe('Blocks of a window that the next one has too; less than window.'),
  weights: z
    .enum(['Integer', 'FP8', 'FP4', 'NVFP4', 'MXFP4'])
    .default('Integer')
    .describe(
      'FP8: e4m3, a scale a row. FP4: e2m1 in groups whose scales are that of the row times powers of two (ZeroQuant-FP), in a file of FP8. NVFP4, MXFP4: e2m1 in groups of 16 or 32.',
    ),
  ...integerFields('output.quantization'),
  averageBits: decimal({ min: 2, max: 8 })
    .optional()
    .describe(
      'Instead of bits: layers get 2, 3, 4 or 8, so that this is their average over all weights and least is lost.',
    ),
  activations: z
    .enum(['None', 'Int8', 'Int4', 'Float8'])
    .default('None')
    .describe(
      'Inputs of the layers, rounded by whoever runs the model, each token by itself; calibration and evaluation round them too. Float8: e4m3.',
    ),
  scales: z
    .enum(['Extremes', 'ClipSearch'])
    .default('ClipSearch')
    .describe(
      'Extremes: scales reach the least and the largest weight. ClipSearch: of eleven that reach less far, the one that loses least, where weights count by the squares of their inputs.',
    ),
  scaleRefits: z
    .int32()
    .min(0)
    .max(8)
    .default(1)
    .describe(
      'How often scales are fitted to the integers by the outputs on training data, and integers chosen again. After the last time integers stay; with CBQ scales begin so.',
    ),
  smoothing: z
    .enum(['None', 'Search'])
    .default('None')
    .describe(
      'Search: columns of weights are multiplied, and their inputs divided, by max|X|^a / max|W|^(1 - a), folded into norms and the rows of up and v; a is the one that loses least of the outputs.',
    ),
  lowRank: z
    .int32()
    .min(0)
    .max(256)
    .default(0)
    .describe(
      'Rank of a branch in 16 bits beside the codes, a PEFT adapter in the folder low-rank; 0: none. With smoothing fitted in turn with them (SVDQuant), else to what they lost (LoRC).',
    ),
  splitChannels: z
    .int32()
    .min(0)
    .max(1024)
    .default(0)
    .describe(
      'Parts that are added to large channels before down, at most, in the places of those that count least (QLLM); 0: none. With activations.',
    ),
  calibrationSequences: z
    .int32()
    .min(1)
    .max(4096)
    .default(32)
    .describe(
      'Sequences of the training data, the first ones, that pass through the model; of Denoising, pictures that the model makes, with all their denoising steps.',
    ),
  trajectory: trajectory
    .optional()
    .describe('Of Denoising: how these pictures are made; 20 steps when absent.'),
});

export type Quantization = z.output<typeof quantization>;

/** Whether weights or steps train. */
export function isReconstructed({ method }: Pick<Quantization, 'method'>): boolean {
  return method === 'AdaQuant' || method === 'CBQ';
}

/** Whether anything is measured on training data. */
export function isCalibrated(own: Quantization): boolean {
  return (
    own.method !== 'RoundToNearest' ||
    own.scales === 'ClipSearch' ||
    own.averageBits !== undefined ||
    (fitsScales(own) && own.scaleRefits > 0) ||
    isTransformed(own)
  );
}

/** Whether something is done to the model before its weights become integers. */
export function isTransformed({ smoothing, splitChannels }: Quantization): boolean {
  return smoothing !== 'None' || splitChannels > 0;
}

/** Powers of two are not fitted. */
function fitsScales({ weights }: Quantization): boolean {
  return weights !== 'FP4' && weights !== 'MXFP4';
}

/** How pictures are made for calibration and evaluation of a model that makes pictures. */
export function trajectoryOf(own: Pick<Quantization, 'trajectory'>): TrajectoryFields {
  return own.trajectory ?? trajectory.parse({});
}

/** Neighbours of a row that share a scale; the whole row when undefined. */
export function groupSizeOf({ weights, strategy, groupSize }: Quantization): number | undefined {
  switch (weights) {
    case 'Integer':
      return strategy === 'Channel' ? undefined : groupSize;
    case 'FP8':
      return undefined;
    case 'FP4':
      return groupSize;
    case 'NVFP4':
      return 16;
    case 'MXFP4':
      return 32;
  }
}
