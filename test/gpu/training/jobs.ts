/**
 * Small jobs, one for each method and each way to store, multiply or move weights, for the
 * comparison of a device with the processor.
 */
import type { ToyJobOptions } from '../../toy/toy-job.ts';

const codebook = { type: 'Codebook', codebook: { codebooks: 1, bits: 4, groupSize: 4 } };
const nf4 = { type: 'NF4', nf4: { blockSize: 32 } };
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

export const cases: Readonly<Record<string, DeviceCase>> = {
  full: { method: { preset: 'Full', precision: float32 }, gap: exact },
  lora: { method: { preset: 'LoRA', precision: float32 }, gap: exact },
  'lora with dropout, in bfloat16': {
    method: { preset: 'LoRA', adapter: { type: 'LoRA', lora: { dropout: '0.1' } } },
    gap: rounded,
  },
  'full in bfloat16': { method: { preset: 'Full' }, gap: rounded },
  'full, 8-bit moments': {
    method: { preset: 'Full', precision: float32, optimizer: { type: 'AdamW8bit' } },
    gap: rounded,
  },
  'lora-xs': {
    method: {
      ...{ preset: 'LoRAXS', precision: float32 },
      adapter: { type: 'LoRAXS', loraXs: { rank: 8 } },
    },
    gap: exact,
  },
  'bi-lora': { method: { preset: 'BiLoRA', precision: float32 }, gap: rounded },
  allora: { method: { preset: 'ALLoRA', precision: float32 }, gap: exact },
  paca: {
    method: {
      ...{ preset: 'PaCA', precision: float32 },
      adapter: { type: 'PaCA', paca: { rank: 8 } },
    },
    gap: exact,
  },
  'paca of an NF4 base': { method: { preset: 'PaCA', base: nf4 }, gap: rounded },
  s2ft: {
    method: {
      ...{ preset: 'S2FT', precision: float32 },
      adapter: { type: 'S2FT', s2ft: { upRatio: '0.05', outputRatio: '0.5', valueRatio: '0.5' } },
    },
    gap: exact,
  },
  pissa: {
    method: {
      ...{ preset: 'PiSSA', precision: float32 },
      adapter: { type: 'PiSSA', pissa: { rank: 4 } },
    },
    gap: exact,
  },
  'lora-ga': {
    method: {
      ...{ preset: 'LoRAGA', precision: float32 },
      adapter: { type: 'LoRAGA', loraGa: { rank: 4 } },
    },
    gap: exact,
  },
  'lora-sb': {
    method: {
      ...{ preset: 'LoRASB', precision: float32 },
      adapter: { type: 'LoRASB', loraSb: { rank: 8 } },
    },
    gap: exact,
  },
  qlora: { method: { preset: 'QLoRA', base: nf4 }, gap: rounded },
  lisa: {
    method: { preset: 'LISA', precision: float32, selection: { type: 'LISA', lisa: oneBlock } },
    gap: exact,
  },
  owlore: {
    method: { preset: 'OwLore', selection: { type: 'OwLore', owlore: oneBlock } },
    gap: rounded,
  },
  galore: { method: { preset: 'GaLore', precision: float32 }, gap: rounded },
  'q-galore': { method: { preset: 'QGaLore' }, gap: rounded },
  'natural galore': { method: { preset: 'NaturalGaLore', precision: float32 }, gap: rounded },
  'halo in int8': { method: { preset: 'HALO' }, gap: rounded },
  'halo in fp8': {
    method: { preset: 'HALO', precision: { type: 'HALO', halo: { format: 'FP8' } } },
    gap: rounded,
  },
  // It reports how many codes changed.
  'pv-tuning': { method: { preset: 'PVTuning', base: codebook }, gap: rounded, waits: 2 },
};
