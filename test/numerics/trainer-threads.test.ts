// In a file of its own: the number of threads is one for the whole process.
import test from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { countUp, Training } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';

test('any number of threads gives the same bits, so that a run may go on with another one', async (t) => {
  for (const dtype of ['float32', 'bfloat16'] as const) {
    const bits: ReadonlyMap<string, Buffer>[] = [];
    for (const threads of [1, 2]) {
      setThreads(threads);
      using training = new Training({
        // Matrices of more values than one thread's share.
        ...{ dtype, config: { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 1 } },
        ...{
          batches: [[aSequence([countUp(0, 40)]), aSequence([countUp(3, 24)])]],
          plan: { totalSteps: 2 },
        },
      });
      await train(training.parts, freshState);
      bits.push(training.bits());
    }
    t.deepEqual(bits[1], bits[0]);
  }
});
