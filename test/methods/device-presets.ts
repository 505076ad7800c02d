// A method of each preset that has figures on processors, at the sizes of the toy: what a device
// must train as well.
import type { ToyJobOptions } from '../toy/toy-job.ts';
import { codebook, lisaOfOne, owloreOfOne } from './axis-values.ts';

const halo = (format: string) => ({ type: 'HALO', halo: { format } });

export const devicePresets: Readonly<Record<string, ToyJobOptions['method']>> = {
  lora: { preset: 'LoRA' },
  qlora: { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
  lisa: { preset: 'LISA', selection: lisaOfOne },
  owlore: { preset: 'OwLore', selection: owloreOfOne },
  galore: { preset: 'GaLore' },
  'q-galore': { preset: 'QGaLore' },
  'halo-int8': { preset: 'HALO', precision: halo('INT8') },
  'halo-fp8': { preset: 'HALO', precision: halo('FP8') },
  'pv-tuning': { preset: 'PVTuning', base: codebook },
};
