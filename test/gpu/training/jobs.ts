/**
 * Small jobs, one for each method and each way to store, multiply or move weights, for the
 * comparison of a device with the processor.
 */
import type { ToyJobOptions } from '../../toy/toy-job.ts';

const codebook = { type: 'Codebook', codebook: { codebooks: 1, bits: 4, groupSize: 4 } };
const nf4 = { type: 'NF4', nf4: { blockSize: 32 } };
const int4 = { type: 'Int4', int4: { groupSize: 32 } };
const float32 = { type: 'Float32' };
const oneBlock = { activeLayers: 1, intervalSteps: 2 };

interface DeviceCase {
  readonly method: ToyJobOptions['method'];
  readonly training?: ToyJobOptions['training'];
  /** Of the host for the device in a step. @default 1, for the norm and the loss together */
  readonly waits?: number;
  /**
   * Largest relative gap of a loss to the processor's. In float32 the order of sums; in bfloat16
   * its rounding; with codes, a value that rounds to the other side now and then.
   */
  readonly gap: number;
}

const exact = 1e-4;
const rounded = 2e-2;

/** Each value of each axis is in one of them, together with values of other axes. */
export const cases: Readonly<Record<string, DeviceCase>> = {
  full: { method: { preset: 'Full', precision: float32 }, gap: exact },
  'full in bfloat16, 8-bit moments': {
    method: { preset: 'Full', optimizer: { type: 'AdamW8bit' } },
    gap: rounded,
  },
  allora: { method: { preset: 'ALLoRA', precision: float32 }, gap: exact },
  'eva of an NF4 base with dropout, in bfloat16': {
    method: { preset: 'EVA', base: nf4, adapter: { type: 'EVA', eva: { dropout: '0.1' } } },
    gap: rounded,
  },
  'lora-xs of an Int8 base': {
    method: {
      ...{ preset: 'LoRAXS', precision: float32, base: { type: 'Int8' } },
      adapter: { type: 'LoRAXS', loraXs: { rank: 8 } },
    },
    gap: exact,
  },
  'bi-lora of an Int4 base': {
    method: { preset: 'BiLoRA', precision: float32, base: int4 },
    gap: rounded,
  },
  'loldu, stochastic gradient descent': {
    method: { preset: 'LoLDU', precision: float32, optimizer: { type: 'SGD' } },
    gap: exact,
  },
  // It reports how many ranks are left.
  sora: {
    method: {
      ...{ preset: 'SoRA', precision: float32 },
      adapter: { type: 'SoRA', sora: { threshold: '0.05' } },
    },
    gap: exact,
    waits: 2,
  },
  lamda: {
    method: {
      ...{ preset: 'LaMDA', precision: float32 },
      adapter: { type: 'LaMDA', lamda: { rank: 8, freezeFraction: '0.8' } },
    },
    gap: exact,
  },
  'paca of an NF4 base': {
    method: {
      ...{ preset: 'PaCA', precision: float32, base: nf4 },
      adapter: { type: 'PaCA', paca: { rank: 8 } },
    },
    gap: exact,
  },
  's2ft in lisa, with a density loss': {
    method: {
      ...{ preset: 'S2FT', precision: float32, selection: { type: 'LISA', lisa: oneBlock } },
      rule: { type: 'DensityLoss', densityLoss: { epsilon: '1e-3' } },
      adapter: { type: 'S2FT', s2ft: { upRatio: '0.05', outputRatio: '0.5', valueRatio: '0.5' } },
    },
    gap: exact,
  },
  nlora: {
    method: {
      ...{ preset: 'NLoRA', precision: float32 },
      adapter: { type: 'NLoRA', nlora: { rank: 8 } },
    },
    gap: exact,
  },
  'kasa of an NF4 base': {
    method: {
      ...{ preset: 'KaSA', precision: float32, base: nf4 },
      adapter: { type: 'KaSA', kasa: { rank: 4, beta: '1e-2', gamma: '1e-1' } },
    },
    gap: exact,
  },
  'lora-ga in halo, int8': {
    method: {
      ...{ preset: 'LoRAGA', precision: { type: 'HALO' } },
      adapter: { type: 'LoRAGA', loraGa: { rank: 4 } },
    },
    gap: rounded,
  },
  'lora-sb': {
    method: {
      ...{ preset: 'LoRASB', precision: float32 },
      adapter: { type: 'LoRASB', loraSb: { rank: 8 } },
    },
    gap: exact,
  },
  'lisa of int8 weights': {
    method: {
      ...{ preset: 'LISA', selection: { type: 'LISA', lisa: oneBlock } },
      precision: { type: 'BFloat16', bfloat16: { trainedWeights: 'Int8' } },
    },
    gap: rounded,
  },
  'owlore and galore': {
    method: {
      ...{ preset: 'OwLore', selection: { type: 'OwLore', owlore: oneBlock } },
      optimizer: { type: 'GaLore' },
    },
    gap: rounded,
  },
  'q-galore': { method: { preset: 'QGaLore' }, gap: rounded },
  'natural galore': { method: { preset: 'NaturalGaLore', precision: float32 }, gap: rounded },
  'halo in fp8': {
    method: { preset: 'HALO', precision: { type: 'HALO', halo: { format: 'FP8' } } },
    gap: rounded,
  },
  // It reports how many codes changed.
  'pv-tuning': { method: { preset: 'PVTuning', base: codebook }, gap: rounded, waits: 2 },
};
