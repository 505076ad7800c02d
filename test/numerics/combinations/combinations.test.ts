// Every pair of values of two axes that is allowed trains a toy for two steps, goes on after a stop
// with the same bits, and gives a result that is read back.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  type Combination,
  coveringCombinations,
  methodOf,
} from '../../../crds/combinations/combinations.ts';
import { axisNames } from '../../../crds/methods/method.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

test.before(() => setThreads(1));

for (const combination of coveringCombinations()) {
  const words = axisNames.map((axis) => combination[axis]).join(', ');
  test.serial(`trains, goes on and is published: ${words}`, async (t) => {
    await using whole = await temporaryFolder();
    await using halved = await temporaryFolder();
    const undisturbed = await ToyRun.make(whole.path, jobOf(combination));
    const report = await undisturbed.all();
    t.is(report.training.steps, 2);
    for (const loss of [report.training.firstLoss, report.training.lastLoss]) {
      t.true(Number.isFinite(loss), `${loss}`);
    }
    t.notDeepEqual(report.training.firstLoss, report.training.lastLoss);
    t.true((report.artifacts[0]?.bytes ?? 0) > 0);

    const stopped = await ToyRun.make(halved.path, jobOf(combination));
    await stopped.prepare();
    stopped.onMessage = ({ type }) => {
      if (type === 'step') stopped.stop();
    };
    await t.throwsAsync(stopped.train(), { name: 'AbortError' });
    stopped.startAgain();
    await stopped.train();
    await stopped.publish();
    t.deepEqual(await weightsOf(stopped), await weightsOf(undisturbed));
  });
}

/** The result, without what tells of the run. */
async function weightsOf({ destination }: ToyRun): Promise<ReadonlyMap<string, string>> {
  const files = await readdir(destination, { recursive: true });
  const weights = files.filter((name) => name.endsWith('.safetensors'));
  if (weights.length === 0) throw new Error('nothing was published');
  const digest = async (name: string) =>
    createHash('sha256')
      .update(await readFile(join(destination, name)))
      .digest('hex');
  return new Map(
    await Promise.all(weights.map(async (name) => [name, await digest(name)] as const)),
  );
}

function jobOf(combination: Combination) {
  return {
    name: 'combination',
    method: { ...methodOf(combination), base: baseOf(combination) },
    training: { maxSteps: 2, learningRate: '1e-3' },
    checkpoint: { intervalSteps: 1 },
  };
}

/** Groups that divide the layers of the toy, and codebooks that are small beside them. */
function baseOf({ base }: Combination) {
  switch (base) {
    case 'NF4':
      return { type: base, nf4: { blockSize: 32 } };
    case 'Int4':
      return { type: base, int4: { groupSize: 32 } };
    case 'FakeQuantized':
      return { type: base, fakeQuantized: { groupSize: 32 } };
    case 'AdaPT':
      return { type: base, adapt: { minLookback: 1, maxLookback: 2 } };
    case 'Codebook':
      return { type: base, codebook: { codebooks: 1, bits: 2, groupSize: 2 } };
    default:
      return { type: base };
  }
}
