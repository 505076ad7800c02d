// The list of methods: one line each. The first entry of an axis is its default.
import { adamW } from './adamw.ts';
import { adamW8bit } from './adamw-8bit.ts';
import { adapt, adaptPreset } from './adapt.ts';
import { allora, alloraPreset } from './allora.ts';
import { bfloat16 } from './bfloat16.ts';
import { biLora, biLoraPreset } from './bi-lora.ts';
import { blockLora, blockLoraPreset } from './block-lora.ts';
import { coLora, coLoraPreset } from './co-lora.ts';
import { codebook } from './codebook.ts';
import { dense } from './dense.ts';
import { deftPreset, densityLoss } from './density-loss.ts';
import { diffora, difforaPreset } from './diffora.ts';
import { eva, evaPreset } from './eva.ts';
import { efficientDmPreset, fakeQuantized, l4qPreset, peqaPreset } from './fake-quantized.ts';
import { float32 } from './float32.ts';
import { allTensors, fullPreset } from './full.ts';
import { galore, galorePreset } from './galore.ts';
import { ggpo, loraGgpoPreset } from './ggpo.ts';
import { halo, haloPreset } from './halo.ts';
import { increLora, increLoraPreset } from './incre-lora.ts';
import { int4 } from './int4.ts';
import { int8 } from './int8.ts';
import { int21Preset, integer } from './integer.ts';
import { kasa, kasaPreset } from './kasa.ts';
import { lamda, lamdaPreset } from './lamda.ts';
import { lisa, lisaPreset } from './lisa.ts';
import { loldu, lolduPreset } from './loldu.ts';
import { lora, loraPreset } from './lora.ts';
import { loraGa, loraGaPreset } from './lora-ga.ts';
import { loraPlusPreset } from './lora-plus.ts';
import { loraSb, loraSbPreset } from './lora-sb.ts';
import { loraXs, loraXsPreset } from './lora-xs.ts';
import { lqLora, lqLoraPreset } from './lq-lora.ts';
import { mixed } from './mixed.ts';
import { mixLora, mixLoraPreset } from './mixlora.ts';
import { mxfp4 } from './mxfp4.ts';
import { naturalGalore, naturalGalorePreset } from './natural-galore.ts';
import { nf4, qloraPreset } from './nf4.ts';
import { intermediateTunePreset, nlora, nloraPreset } from './nlora.ts';
import { noAdapter } from './no-adapter.ts';
import { noRule } from './no-rule.ts';
import { noTensors, noTrainingPreset } from './no-training.ts';
import { nvfp4 } from './nvfp4.ts';
import { owlore, owlorePreset } from './owlore.ts';
import { paca, pacaPreset } from './paca.ts';
import { pissa, pissaPreset } from './pissa.ts';
import { pvTuning, pvTuningPreset } from './pv-tuning.ts';
import { qGalore, qGalorePreset } from './q-galore.ts';
import { quantNasPreset } from './quantnas.ts';
import { randLora, randLoraPreset } from './randlora.ts';
import { s2Lora, s2LoraPreset } from './s2-lora.ts';
import { s2ft, s2ftPreset } from './s2ft.ts';
import { sgd } from './sgd.ts';
import { slora, sloraPreset } from './slora.ts';
import { sm3 } from './sm3.ts';
import { sora, soraPreset } from './sora.ts';
import { spiel, spielMaPreset, spielPreset } from './spiel.ts';

export const axisEntries = {
  precision: [bfloat16, float32, halo, nvfp4, mxfp4],
  base: [dense, nf4, int8, int4, integer, mixed, codebook, fakeQuantized, adapt],
  adapter: [
    noAdapter,
    lora,
    loraXs,
    loldu,
    randLora,
    s2Lora,
    blockLora,
    biLora,
    pissa,
    lqLora,
    kasa,
    eva,
    slora,
    nlora,
    mixLora,
    loraGa,
    loraSb,
    paca,
    s2ft,
    spiel,
    sora,
    increLora,
    diffora,
    coLora,
    lamda,
  ],
  selection: [allTensors, lisa, owlore, noTensors],
  optimizer: [adamW, adamW8bit, sgd, sm3, galore, qGalore, naturalGalore, pvTuning],
  rule: [noRule, allora, densityLoss, ggpo],
} as const;

export const presets = [
  loraPreset,
  loraPlusPreset,
  loraXsPreset,
  lolduPreset,
  randLoraPreset,
  s2LoraPreset,
  blockLoraPreset,
  biLoraPreset,
  alloraPreset,
  deftPreset,
  loraGgpoPreset,
  pacaPreset,
  s2ftPreset,
  spielPreset,
  spielMaPreset,
  soraPreset,
  increLoraPreset,
  difforaPreset,
  coLoraPreset,
  lamdaPreset,
  pissaPreset,
  lqLoraPreset,
  kasaPreset,
  evaPreset,
  sloraPreset,
  nloraPreset,
  intermediateTunePreset,
  mixLoraPreset,
  loraGaPreset,
  loraSbPreset,
  qloraPreset,
  int21Preset,
  l4qPreset,
  peqaPreset,
  efficientDmPreset,
  quantNasPreset,
  adaptPreset,
  fullPreset,
  haloPreset,
  lisaPreset,
  galorePreset,
  owlorePreset,
  qGalorePreset,
  naturalGalorePreset,
  pvTuningPreset,
  noTrainingPreset,
] as const;

export type PresetName = (typeof presets)[number]['preset'];
