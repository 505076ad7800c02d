// Trained values of adapters beside LLaMA-2 7B, as papers and their code count them: the counts of
// a plan from numbers that nobody here computed.
import test from 'ava';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { trainedOf } from '../../../crds/plan/parameters.ts';
import { llama2 } from '../../builders/facts.ts';

type Method = Parameters<typeof resolveMethod>[0];

const counts: readonly (readonly [string, Method['adapter'], number])[] = [
  ['LoRA r=16', { type: 'LoRA', lora: { rank: 16 } }, 39_976_960],
  ['PiSSA r=128', { type: 'PiSSA', pissa: { rank: 128 } }, 319_815_680],
  ['LoRA-SB r=96', { type: 'LoRASB', loraSb: { rank: 96 } }, 2_064_384],
  ['LoLDU r=768', { type: 'LoLDU', loldu: { rank: 768 } }, 172_032],
  [
    'KaSA r=32 on five layers',
    {
      type: 'KaSA',
      kasa: { rank: 32, targetModules: ['q_proj', 'k_proj', 'v_proj', 'up_proj', 'down_proj'] },
    },
    56_103_936,
  ],
  ['RandLoRA r=32', { type: 'RandLoRA', randLora: { rank: 32 } }, 118_358_016],
  ['SLoRA r=128', { type: 'SLoRA', slora: { rank: 128 } }, 323_485_696],
  ['NLoRA r=128', { type: 'NLoRA', nlora: { rank: 128 } }, 323_485_696],
  ['IntermediateTune r=128', { type: 'NLoRA', nlora: { rank: 128, train: 'Core' } }, 3_670_016],
  ['LaMDA r=64, before B rests', { type: 'LaMDA', lamda: { rank: 64 } }, 87_949_312],
  ['SoRA r=8', { type: 'SoRA', sora: { rank: 8 } }, 19_990_272],
  ['Block-LoRA r=16 in 4', { type: 'BlockLoRA', blockLora: { rank: 16, blocks: 4 } }, 26_312_704],
  ['PaCA r=16', { type: 'PaCA', paca: { rank: 16 } }, 21_757_952],
  ['MixLoRA r=16 of 8', { type: 'MixLoRA', mixLora: { rank: 16, numExperts: 8 } }, 203_423_744],
];

for (const [name, adapter, count] of counts) {
  test(`${name} trains as many values as published`, (t) => {
    t.is(trainedOf(llama2, resolveMethod({ adapter })).total, count);
  });
}
