// Every pair of values of two axes that is allowed trains a toy for two steps, gives a result that
// is read back, and ends with the same bits where its second step is trained again from the
// checkpoint of the first. In two files, so that two cores share the work.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  type Combination,
  coveringCombinations,
  methodOf,
} from '../../../crds/combinations/combinations.ts';
import { axisNames } from '../../../crds/methods/method.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';

type Method = Readonly<Record<string, unknown>>;

const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ...coveringCombinations().map(
    (combination) =>
      [
        axisNames.map((axis) => combination[axis]).join(', '),
        { ...methodOf(combination), base: baseOf(combination) },
      ] as const,
  ),
  // No axis: what trains whole beside any adapter, in 16 bits with master weights and without.
  ...['Float32', 'StochasticRounding'].map(
    (masterWeights) =>
      [
        `whole modules, ${masterWeights}`,
        {
          ...{ preset: 'LoRA', fullModules: ['embed_tokens', 'lm_head', 'norm'] },
          precision: { type: 'BFloat16', bfloat16: { masterWeights } },
        },
      ] as const,
  ),
]);

/** Methods in words, dealt out to two files. */
export const halves: readonly (readonly (readonly [string, Method])[])[] = [0, 1].map((half) =>
  [...methods].filter((_, index) => index % 2 === half),
);

export const trainedTwice = {
  title: (words = '') => `trains, goes on and is published: ${words}`,
  async exec(t: ExecutionContext, method: Method): Promise<void> {
    await using folder = await temporaryFolder();
    const run = await ToyRun.make(folder.path, jobOf(method));
    const report = await run.all();
    t.is(report.training.steps, 2);
    for (const loss of [report.training.firstLoss, report.training.lastLoss]) {
      t.true(Number.isFinite(loss), `${loss}`);
    }
    t.notDeepEqual(report.training.firstLoss, report.training.lastLoss);
    t.true((report.artifacts[0]?.bytes ?? 0) > 0);

    const last = join(run.folder, 'checkpoints/step-00000002');
    const ended = digestsBelow(last);
    t.true(Object.keys(ended).length > 0);
    await rm(last, { recursive: true });
    run.startAgain();
    await run.train();
    t.deepEqual(
      run.ofType('step').map(({ step }) => step),
      [2],
    );
    t.deepEqual(digestsBelow(last), ended);
  },
};

function jobOf(method: Method) {
  return {
    name: 'combination',
    method,
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
    case 'Integer':
      return { type: base, integer: { groupSize: 32, calibrationSequences: 2 } };
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
