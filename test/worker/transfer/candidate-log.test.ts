// What is finished stays through a kill at any byte; what follows a byte that changed is made
// again.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { digestOf } from '../../../crds/index.ts';
import type { Candidate } from '../../../crds/wire/transfer.ts';
import { CandidateLog } from '../../../worker/transfer/candidate-log.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const inputs = digestOf('inputs');
const batches: readonly (readonly Candidate[])[] = [
  [{ refused: 'Unlike' }, { prompt: 'a\nb', answer: 'c', probability: 0.75 }],
  [{ refused: 'Repeated' }],
  [{ prompt: 'ü "x"', answer: '\u2028', probability: 1 }, { refused: 'Endless' }],
];

async function aLog(t: ExecutionContext): Promise<{ path: string; whole: Buffer }> {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const path = join(folder.path, 'candidates.jsonl');
  {
    await using log = await CandidateLog.open(path, inputs);
    for (const batch of batches) await log.append(batch);
    t.deepEqual(log.candidates, batches.flat());
  }
  return { path, whole: await readFile(path) };
}

/** Those that the log still has, and what it is when the others are added again. */
async function goOn(path: string): Promise<{ kept: number; bytes: Buffer }> {
  await using log = await CandidateLog.open(path, inputs);
  const kept = log.candidates.length;
  let from = 0;
  for (const batch of batches) {
    if (from >= kept) await log.append(batch);
    from += batch.length;
  }
  return { kept, bytes: await readFile(path) };
}

test('cut off anywhere, it goes on and ends with the same bytes', async (t) => {
  const { path, whole } = await aLog(t);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), async (at) => {
      await writeFile(path, whole.subarray(0, at));
      const { kept, bytes } = await goOn(path);
      t.true(bytes.equals(whole));
      t.true([0, 2, 3, 5].includes(kept));
      if (at === whole.length) t.is(kept, 5);
    }),
    { numRuns: 30 },
  );
});

test('a line that was changed, and all behind it, is not believed', async (t) => {
  const { path, whole } = await aLog(t);
  const text = whole.toString();
  await writeFile(path, text.replace('Repeated', 'Endless'));
  t.is((await goOn(path)).kept, 2);
  await writeFile(path, text.replace('0.75', '0.85'));
  t.is((await goOn(path)).kept, 0);
});

test('of other inputs nothing is kept', async (t) => {
  const { path } = await aLog(t);
  await using log = await CandidateLog.open(path, digestOf('others'));
  t.is(log.candidates.length, 0);
});
