/**
 * Small jobs, one for each method and each way to store, multiply or move weights, for the
 * comparison of a device with the processor.
 */
import { type DeviceCase, exact, rounded } from '../../methods/adapter-trial.ts';
import { rowsOf } from '../../methods/adapter-trials.ts';
import {
  changingFormats,
  codebook,
  float32,
  lisaOfOne,
  onBlocks,
  owloreOfOne,
} from '../../methods/axis-values.ts';

/**
 * Of products in 4 bits: a value whose last bit in bfloat16 differs may be rounded by a whole step,
 * a third of it. On the processor other draws move these losses by up to 0.026.
 */
const drawn = 5e-2;

/** Each value of each axis is in one of them, together with values of other axes. */
export const cases: Readonly<Record<string, DeviceCase>> = {
  ...rowsOf('device'),
  full: { method: { preset: 'Full', precision: float32 }, gap: exact },
  'full in bfloat16 on blocks of Q4_0, 8-bit moments, distilled': {
    method: { preset: 'Full', base: onBlocks('Q4_0'), optimizer: { type: 'AdamW8bit' } },
    training: { distillation: { temperature: '2', topK: 16 } },
    gap: rounded,
    // 21 matrices go to the host and come back as blocks thrice: forward, backward, gradients.
    waits: 1 + 21 * 3 * 2,
  },
  'scales of stored integers': {
    method: {
      ...{ preset: 'PEQA', precision: float32 },
      base: { type: 'FakeQuantized', fakeQuantized: { groupSize: 32, trains: 'Scales' } },
    },
    gap: rounded,
  },
  allora: { method: { preset: 'ALLoRA', precision: float32 }, gap: exact },
  'lisa of int8 weights': {
    method: {
      ...{ preset: 'LISA', selection: lisaOfOne },
      precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
    },
    gap: rounded,
  },
  // Sketches of gradients are read after their norm.
  'owlore and galore in formats that change': {
    method: {
      ...{ preset: 'OwLore', selection: owloreOfOne, base: changingFormats },
      optimizer: { type: 'GaLore' },
    },
    ...{ gap: rounded, waits: 2 },
  },
  'q-galore': { method: { preset: 'QGaLore' }, gap: rounded },
  'natural galore': { method: { preset: 'NaturalGaLore', precision: float32 }, gap: rounded },
  'classes of texts, all weights of an encoder': {
    ...{ family: 'bert', method: { preset: 'Full', precision: float32 }, gap: exact },
  },
  'classes of texts, qlora on an encoder': {
    ...{ family: 'roberta', gap: rounded },
    method: { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
  },
  'classes of pictures, all weights of a vision transformer': {
    ...{ family: 'dinov2', method: { preset: 'Full', precision: float32 }, gap: exact },
  },
  'classes of pictures, qlora on a vision transformer': {
    ...{ family: 'deit', gap: rounded },
    method: { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
  },
  'pictures and texts, all weights of two towers': {
    ...{ family: 'dual', method: { preset: 'Full', precision: float32 }, gap: exact },
  },
  'pictures and texts, block-lora on clip': {
    ...{ family: 'clip', method: { preset: 'BlockLoRA' }, gap: rounded },
  },
  'what is said, lisa on whisper': {
    ...{ family: 'whisper', gap: exact },
    method: { preset: 'LISA', selection: lisaOfOne, precision: float32 },
  },
  'pictures that are made, all weights of a diffusion transformer': {
    ...{ family: 'dit', method: { preset: 'Full', precision: float32 }, gap: exact },
  },
  'pictures that are restored, convolutions in co-lora': {
    ...{ family: 'srvgg', gap: exact },
    method: {
      ...{ preset: 'CoLoRA', precision: float32 },
      adapter: { type: 'CoLoRA', coLora: { ratio: '0.4', probeSteps: 2, intervals: 2 } },
    },
  },
  'objects in films, galore on a tracker': {
    ...{ family: 'lorat', gap: exact },
    method: { preset: 'GaLore', optimizer: { type: 'GaLore' }, precision: float32 },
  },
  'halo in fp8': {
    method: { preset: 'HALO', precision: { type: 'HALO', halo: { format: 'FP8' } } },
    gap: rounded,
  },
  nvfp4: { method: { preset: 'Full', precision: { type: 'NVFP4' } }, gap: drawn },
  'lora in mxfp4': { method: { preset: 'LoRA', precision: { type: 'MXFP4' } }, gap: drawn },
  // It reports how many codes changed.
  'pv-tuning': { method: { preset: 'PVTuning', base: codebook }, gap: rounded, waits: 2 },
};
