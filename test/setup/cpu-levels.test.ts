import test from 'ava';
import { levelsInWords, splitLevels } from './cpu-levels.ts';

test('a processor has its level and those below', (t) => {
  t.deepEqual(splitLevels('amx'), { best: 'amx', below: ['avx512', 'avx2'], lacking: [] });
  t.deepEqual(splitLevels('avx2'), { best: 'avx2', below: [], lacking: ['avx512', 'amx'] });
  t.deepEqual(splitLevels('portable').lacking, ['avx2', 'avx512', 'amx']);
});

test('levels that could not run are told', (t) => {
  t.is(levelsInWords(splitLevels('amx')), 'ran at amx, avx512, avx2');
  t.is(levelsInWords(splitLevels('avx2')), 'ran at avx2; this machine cannot run avx512, amx');
});
