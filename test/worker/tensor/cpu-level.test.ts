import test from 'ava';
import {
  cpuLevels,
  libraryVariables,
  readLevel,
  requireLevel,
} from '../../../worker/tensor/cpu-level.ts';

test('a level is one of three, and no level is all that there is', (t) => {
  t.is(readLevel(undefined), undefined);
  t.is(readLevel(''), undefined);
  for (const level of cpuLevels) t.is(readLevel(level), level);
  for (const wrong of ['AVX2', 'avx', 'portable', 'avx512 ']) {
    t.throws(() => readLevel(wrong), {
      code: 'E_USAGE',
      message: `ANNEAL_CPU_LEVEL is ${wrong}; it must be avx2, avx512 or amx`,
    });
  }
});

test('a level that the processor lacks is refused', (t) => {
  for (const level of [undefined, 'avx512'] as const) {
    t.notThrows(() => requireLevel(level, 'avx512'));
  }
  t.throws(() => requireLevel('amx', 'avx512'), {
    message: 'ANNEAL_CPU_LEVEL is amx; this processor has at most avx512',
  });
  t.throws(() => requireLevel('avx2', 'portable'), {
    message: 'ANNEAL_CPU_LEVEL is avx2; this processor has none of avx2, avx512 and amx',
  });
});

test('every level says something to each of the libraries', (t) => {
  const named = cpuLevels.map((level) => Object.keys(libraryVariables[level]));
  for (const names of named) t.deepEqual(names, named[0]);
});
