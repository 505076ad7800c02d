import test from 'ava';
import {
  memoryWords,
  modelMemory,
  predictedWords,
  trainingPeak,
} from '../../../cli/jobs/memory-words.ts';

const mib = 2 ** 20;
const parts = { weights: 0, optimizer: 0, gradients: 0, activations: 0, workspace: 0 };

type Stages = NonNullable<Parameters<typeof predictedWords>[0]['memoryStages']>;

const plan = (
  peakMiB: number,
  stages: Readonly<Partial<Record<Stages[number]['stage'], number>>>,
) => ({
  memory: { ...parts, peak: peakMiB * mib },
  memoryStages: Object.entries(stages).map(([stage, peak]) => ({
    stage,
    peak: peak * mib,
  })) as Stages,
});

test('writing the result is told beside training where it needs more', (t) => {
  const publishes = plan(844, { Step: 761, Evaluate: 600, Publish: 844 });
  t.is(trainingPeak(publishes), 761 * mib);
  t.is(predictedWords(publishes), '761.0 MiB predicted, 844.0 MiB to write the result');
  t.is(
    predictedWords({ ...publishes, workers: 2 }),
    '761.0 MiB predicted for each, 844.0 MiB to write the result',
  );
});

test('and is left out where it needs less, or is not known', (t) => {
  t.is(predictedWords(plan(900, { Step: 800, Sample: 900, Publish: 844 })), '900.0 MiB predicted');
  t.is(predictedWords(plan(900, {})), '900.0 MiB predicted');
});

test('memory is that of the device where it has the model, with the host beside it', (t) => {
  const device = { now: 600 * mib, peak: 700 * mib, allocated: 500 * mib };
  const memory = { now: 90 * mib, peak: 100 * mib };
  t.is(memoryWords(memory), '90.0 MiB now · 100.0 MiB at most');
  t.is(memoryWords(memory, 110 * mib), '90.0 MiB now · 100.0 MiB at most · 110.0 MiB predicted');
  t.is(
    memoryWords({ ...memory, device }, 710 * mib),
    '600.0 MiB now · 700.0 MiB at most · 710.0 MiB predicted · host 100.0 MiB',
  );
  t.is(modelMemory({ ...memory, device }).peak, 700 * mib);
  t.is(modelMemory(memory).peak, 100 * mib);
  const hosted = { ...plan(900, {}), hostMemory: { peak: 200 * mib } };
  t.is(predictedWords(hosted), '900.0 MiB predicted, 200.0 MiB of the host');
});
