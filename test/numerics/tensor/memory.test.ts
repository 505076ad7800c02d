import test from 'ava';
import { memoryStatistics, resetMemoryPeaks, trimMemory } from '../../../worker/tensor/memory.ts';
import { native } from '../../../worker/tensor/native.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';

const mebibyte = 1 << 20;
/** When the addon had been loaded, and nothing more. */
const loaded = memoryStatistics().fileBytes;
const floats = (bytes: number): readonly number[] => [bytes / 4];

test('the bytes of tensors are counted while they live, and the most of them is remembered', (t) => {
  resetMemoryPeaks();
  const before = memoryStatistics().tensorBytes;
  scope(() => {
    ops.zeros(floats(8 * mebibyte)).dispose();
    ops.zeros(floats(2 * mebibyte));
    const { tensorBytes, tensorPeakBytes } = memoryStatistics();
    // The heap rounds a block up by less than a page.
    t.true(tensorBytes - before >= 2 * mebibyte && tensorBytes - before < 2 * mebibyte + 4096);
    t.true(tensorPeakBytes - before >= 8 * mebibyte);
  });
  t.is(memoryStatistics().tensorBytes, before);
});

test('a view costs nothing', (t) => {
  scope(() => {
    const x = ops.zeros(floats(mebibyte));
    const before = memoryStatistics().tensorBytes;
    ops.narrow(x, 0, 1, 10);
    t.is(memoryStatistics().tensorBytes, before);
  });
});

test('what loading read of programs and libraries is given back, and found again where it is needed', (t) => {
  trimMemory();
  t.true(memoryStatistics().fileBytes < 0.6 * loaded, `${loaded} bytes of files before`);
  using x = ops.ones(floats(4096));
  using doubled = ops.add(x, x);
  t.deepEqual(new Set(toArray(doubled)), new Set([2]));
});

test('a peak ends with a reset', (t) => {
  ops.zeros(floats(64 * mebibyte)).dispose();
  resetMemoryPeaks();
  const { tensorBytes, tensorPeakBytes } = memoryStatistics();
  t.is(tensorPeakBytes, tensorBytes);
});

test('resident memory grows when a tensor is written and its peak remembers it', (t) => {
  trimMemory();
  resetMemoryPeaks();
  const before = memoryStatistics().residentBytes;
  using x = ops.ones(floats(96 * mebibyte));
  const after = memoryStatistics();
  t.is(x.bytes, 96 * mebibyte);
  // Other memory of the process may shrink meanwhile, by less than half of this.
  t.true(after.residentBytes - before > 48 * mebibyte);
  t.true(after.residentPeakBytes >= after.residentBytes - mebibyte);
});

test('the collector is told how much native memory tensors hold, when the outermost scope ends', (t) => {
  const external = (): number => native.memory().reported;
  scope(() => undefined);
  const before = external();
  const kept = scope(() => scope(() => ops.zeros(floats(32 * mebibyte))));
  t.true(external() - before > 31 * mebibyte);
  kept.dispose();
  scope(() => undefined);
  t.true(external() - before < mebibyte);
});

test('short-lived tensors between long-lived ones leave no holes: what is resident follows what lives', (t) => {
  trimMemory();
  const count = 40;
  const before = memoryStatistics();
  resetMemoryPeaks();
  const kept = Array.from({ length: count }, () => {
    const passing = [3, 5].map((size) => ops.ones(floats(size * mebibyte)));
    const one = ops.ones(floats(4 * mebibyte));
    for (const tensor of passing) tensor.dispose();
    return one;
  });
  const after = memoryStatistics();
  const tensors = after.tensorPeakBytes - before.tensorBytes;
  const resident = after.residentPeakBytes - before.residentBytes;
  // The passing ones of one round, and what else the process does meanwhile.
  t.true(resident < tensors + 48 * mebibyte, `${resident} bytes for ${tensors} of tensors`);
  for (const tensor of kept) tensor.dispose();
  trimMemory();
  t.true(memoryStatistics().residentBytes < after.residentBytes - (count * 4 * mebibyte) / 2);
});

test('a large tensor is given the block that one of its size left', (t) => {
  trimMemory();
  ops.ones(floats(16 * mebibyte)).dispose();
  const before = process.resourceUsage().minorPageFault;
  const rounds = 8;
  for (let round = 0; round < rounds; round += 1) ops.ones(floats(16 * mebibyte)).dispose();
  const faults = process.resourceUsage().minorPageFault - before;
  // Mapped anew, each would fault once for each of its pages.
  t.true(faults < (rounds * 16 * mebibyte) / 4096 / 4, `${faults} page faults`);
});

for (const [words, size] of [
  ['some megabytes', 3 * mebibyte],
  ['some kilobytes', 36 * 1024],
] as const) {
  test(`tensors of ${words} lie where a large one lay, and a large one where they lay`, (t) => {
    trimMemory();
    const count = Math.floor((48 * mebibyte) / size);
    ops.ones(floats(48 * mebibyte)).dispose();
    const before = process.resourceUsage().minorPageFault;
    for (let round = 0; round < 4; round += 1) {
      const parts = Array.from({ length: count }, () => ops.ones(floats(size)));
      for (const part of parts) part.dispose();
      ops.ones(floats(48 * mebibyte)).dispose();
    }
    const faults = process.resourceUsage().minorPageFault - before;
    t.true(faults < (48 * mebibyte) / 4096 / 4, `${faults} page faults`);
  });
}
