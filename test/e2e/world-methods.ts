// Methods that store, multiply or move weights in few bits, on one worker and on three: the same
// curve, the same bits after a worker was lost, and a result that is written. The three are real
// processes on real files; the one works in this process.
import test from 'ava';
import { rowsOf } from '../methods/adapter-trials.ts';
import {
  changingFormats,
  codebook,
  fittedCodes,
  lisaOfOne,
  owloreOfOne,
} from '../methods/axis-values.ts';
import { splitRows } from '../methods/split-rows.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';
import { startHosts } from '../warm/hosts.ts';
import { trainsInAWorld } from './trains-in-a-world.ts';

/** Each value of each axis is in one of them, together with values of other axes. */
const methods = {
  ...rowsOf('workers'),
  'adapt-owlore-galore': {
    ...{ preset: 'OwLore', selection: owloreOfOne, base: changingFormats },
  },
  // Four sequences a step: of three workers one accumulates two, and the norm is that of all.
  'q-galore-lisa': { preset: 'QGaLore', selection: lisaOfOne },
  'natural-galore-both': {
    preset: 'NaturalGaLore',
    optimizer: { type: 'NaturalGaLore', naturalGalore: { rank: 8, sides: 'Both' } },
  },
  'halo-natural-galore': { preset: 'NaturalGaLore', precision: { type: 'HALO' } },
  nvfp4: { preset: 'Full', precision: { type: 'NVFP4' } },
  'mxfp4-lora': { preset: 'LoRA', precision: { type: 'MXFP4', mxfp4: { bfloat16Blocks: 1 } } },
  'whole-ends': {
    preset: 'QLoRA',
    base: { type: 'NF4', nf4: { blockSize: 32 } },
    fullModules: ['embed_tokens', 'lm_head', 'norm'],
  },
  'pv-tuning': { preset: 'PVTuning', base: codebook },
  'pv-calibrated': { preset: 'PVTuning', base: fittedCodes },
};

/** What other rows train beside: a teacher that each world asks before its first step. */
const distillation = { weight: '0.5', temperature: '2', topK: 16 };
const distilled: ReadonlySet<string> = new Set(['halo-natural-galore']);

/**
 * An adapter of each kind: sharded otherwise, calibrated, searched, changed while it trains; and a
 * row with distillation. The other rows are those of the group `worlds`.
 */
const short = [
  ...['co-lora-ggpo', 'eva-nf4-ggpo', 'increlora-int8', 'lora-sb-density', 'mixlora-int4-8bit'],
  ...['s2ft-int8', 'spiel-ma', 'adapt-owlore-galore', 'whole-ends', 'pv-tuning'],
  ...['lq-lora-mix-allora', 'q-galore-lisa', 'halo-natural-galore', 'nvfp4', 'mxfp4-lora'],
  ...['bi-lora-8bit-int2', 'pissa-4bit'],
];

/** Declares the tests of a part of the table. */
export async function testsOfWorlds(part: 'short' | 'others'): Promise<void> {
  const hosts = await startHosts();
  test.after.always(() => hosts[Symbol.dispose]());
  for (const [name, method] of splitRows<ToyJobOptions['method']>(
    methods,
    short,
    (method) => method,
  )[part]) {
    test.serial(
      `${name}: three workers train as one does, with the same bits when one of them is lost`,
      (t) => trainsInAWorld(t, jobOf(name, method), { workers: 3, variables: hosts.variables }),
    );
  }
}

function jobOf(name: string, method: ToyJobOptions['method']): ToyJobOptions {
  return { name, method, training: distilled.has(name) ? { distillation } : {} };
}
