import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { unfitness } from '../../../crds/devices/fitness.ts';
import { readCards } from '../../../crds/devices/nvidia-smi.ts';
import { type CardLine, cardLine } from '../../doubles/nvidia-smi.ts';

const unfit = (line: CardLine) => unfitness(readCards(cardLine(line)).cards[0]!);

test('a card is fit by its driver and its compute capability', (t) => {
  for (const capability of ['8.0', '8.6', '8.9', '9.0', '10.0', '10.3', '12.0', '12.1']) {
    t.is(unfit({ capability }), undefined, capability);
  }
  for (const capability of ['7.5', '9.1', '11.0', '13.0']) {
    t.regex(unfit({ capability }) ?? '', /^has compute capability .*; the CUDA kernels are for/);
  }
  t.is(unfit({ driver: '580.65' }), undefined);
  t.is(unfit({ driver: '610.1' }), undefined);
  t.is(unfit({ driver: '575.57.08' }), 'has driver 575.57.08; CUDA 13 needs 580 or newer');
});

test('fit are the cards that the build compiles kernels for, and no others', async (t) => {
  const file = join(import.meta.dirname, '../../../worker/native/CMakeLists.txt');
  const [, list = ''] =
    /ANNEAL_CUDA_ARCHITECTURES "([^"]+)"/.exec(await readFile(file, 'utf8')) ?? [];
  // The letter ties code to one capability; without it code runs on all of the same major number.
  t.is(list, '80;90a;100;120');
});
