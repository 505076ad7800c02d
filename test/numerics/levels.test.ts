// The same products and training steps at each level of instructions that this processor has, in a
// process each, because libraries choose once: within a level the same bits for any number of
// threads, between levels no more than rounding.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { type CpuLevel, cpuLevels, levelVariable } from '../../worker/tensor/cpu-level.ts';
import { splitLevels } from '../setup/cpu-levels.ts';
import type { LevelReport } from './levels-process.ts';

const program = join(import.meta.dirname, 'levels-process.ts');
const libraries = join(import.meta.dirname, 'libraries-process.ts');
const quiet = '--disable-warning=ExperimentalWarning';

/** Of the processor, whatever this process is held to. */
const { best, below, lacking } = splitLevels(
  execFileSync(process.execPath, [quiet, join(import.meta.dirname, '../setup/best-cpu-level.ts')], {
    encoding: 'utf8',
    env: { ...process.env, [levelVariable]: '' },
  }),
);
const present = cpuLevels.filter((level) => level === best || below.includes(level));

async function start(level: CpuLevel, file = program, more: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [quiet, file], {
    env: { ...process.env, ...more, [levelVariable]: level },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { said, complained, code };
}

const reports = new Map<CpuLevel, LevelReport>();

test.before(async (t) => {
  t.timeout(1_200_000);
  for (const level of present) {
    const { said, complained, code } = await start(level);
    if (code !== 0) throw new Error(`${level} ended with ${code}: ${complained}`);
    reports.set(level, JSON.parse(said) as LevelReport);
  }
});

for (const level of present) {
  test(`at ${level} any number of threads gives the same bits`, (t) => {
    const report = reports.get(level)!;
    t.is(report.level, level);
    for (const [name, { digests }] of Object.entries(report.found)) {
      t.is(new Set(digests).size, 1, `${name}: ${digests}`);
    }
  });
}

/** In the words of MKL and oneDNN. */
const isBeyond = {
  avx2: /AVX-512|AVX512|AVX10|AMX/i,
  avx512: /AMX/i,
  amx: /^never$/,
} as const satisfies Readonly<Record<CpuLevel, RegExp>>;

for (const level of present) {
  test(`at ${level} the libraries below use nothing beyond it`, async (t) => {
    const verbose = { MKL_VERBOSE: '1', ONEDNN_VERBOSE: '1' };
    const { said, complained, code } = await start(level, libraries, verbose);
    t.is(code, 0, complained);
    const told = said.split('\n').filter((line) => /MKL_VERBOSE oneMKL|info,cpu,isa/.test(line));
    t.true(told.length > 0, said);
    for (const line of told) t.notRegex(line, isBeyond[level]);
  });
}

for (const [i, level] of present.entries()) {
  for (const other of present.slice(0, i)) {
    test(`${level} and ${other} differ by no more than rounding`, (t) => {
      const [one, two] = [reports.get(level)!, reports.get(other)!];
      for (const [name, { values, allowed }] of Object.entries(one.found)) {
        const others = two.found[name]?.values ?? [];
        t.is(others.length, values.length);
        t.true([...values, ...others].every(Number.isFinite), name);
        // Each is as far from the exact value as it may be, in opposite directions.
        const shares = values.map((value, k) => Math.abs(value - others[k]!) / (2 * allowed[k]!));
        const worst = Math.max(...shares.filter((share) => !Number.isNaN(share)));
        t.log(`${name}: ${worst.toPrecision(2)} of what is allowed`);
        t.true(worst <= 1, `${name}: ${worst}`);
      }
    });
  }
}

for (const level of lacking) {
  test(`${level}, which this processor lacks, is refused in words`, async (t) => {
    const { code, complained } = await start(level);
    t.not(code, 0);
    t.regex(complained, new RegExp(`ANNEAL_CPU_LEVEL is ${level}; this processor has `));
  });
}

test('a word that is no level is refused before anything is loaded', async (t) => {
  const { code, complained } = await start('AVX2' as CpuLevel);
  t.not(code, 0);
  t.regex(complained, /ANNEAL_CPU_LEVEL is AVX2; it must be avx2, avx512 or amx/);
});
