// A job on sounds from its files to its report: it learns, and says what is written of held-out
// sounds.
import test from 'ava';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun } from '../../builders/toy-run.ts';

test.before(() => setThreads(1));

const sizes = { d_model: 64, encoder_ffn_dim: 96, decoder_ffn_dim: 96 };
const methods = {
  'all weights': { preset: 'Full', precision: { type: 'Float32' } },
  'LoRA beside NF4': { preset: 'QLoRA', base: { type: 'NF4', nf4: { blockSize: 32 } } },
} as const;

for (const [name, method] of Object.entries(methods)) {
  test(`a toy learns to write what is said: ${name}`, async (t) => {
    const run = await aToyRun(t, {
      ...{ name: 'speech', family: 'whisper', method, sizes },
      training: {
        ...{ maxSteps: 90, globalBatchSize: 8, microBatchSize: 4, learningRate: '1e-2' },
        evaluation: { intervalSteps: 45 },
      },
    });
    const { evaluation, memory } = await run.all();
    const { before, after, all } = evaluation;
    t.is(all.length, 3);
    const [first, last] = [before, after].map((point) => point?.wordErrors);
    // Held out are four of the texts that others have too.
    t.is(first?.words, last?.words);
    t.true((first?.words ?? 0) >= 8);
    t.log(
      all.map(({ loss, wordErrors }) => [loss, wordErrors]),
      memory.measured.peak,
    );
    t.true((after?.loss ?? 9) < 0.5 * (before?.loss ?? 0));
    t.true((last?.errors ?? 99) < (first?.errors ?? 0));
    t.deepEqual(
      run.ofType('evaluation').map(({ wordErrors }) => wordErrors),
      all.map(({ wordErrors }) => wordErrors),
    );
  });
}
