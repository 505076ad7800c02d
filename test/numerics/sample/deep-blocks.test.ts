// What deep blocks added, in place of the blocks.
import test from 'ava';
import { firstNoise, guidedNoise, patchesOnDevice } from '../../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { DeepBlocks, deepOf } from '../../../worker/sample/deep-blocks.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toFloats } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aSampling, classes, gapOf } from '../../toy/sampling.ts';

test.before(() => setThreads(1));

test('the first and the last quarter are not deep, one block at least', (t) => {
  t.deepEqual([1, 2, 3, 4, 5, 28].map(deepOf), [
    ...[
      { from: 1, to: 1 },
      { from: 1, to: 1 },
      { from: 1, to: 2 },
      { from: 1, to: 3 },
    ],
    ...[
      { from: 1, to: 4 },
      { from: 7, to: 21 },
    ],
  ]);
});

test.serial('what is kept is of its part, until it is computed again', async (t) => {
  const { base } = await aSampling(t);
  const config = diffusionConfig(base.config);
  const before = liveHandles();
  {
    using deep = new DeepBlocks(config.L);
    const noiseOf = (seed: number, part: number, computes: boolean): Float32Array =>
      scope(() => {
        const x = patchesOnDevice(base, config, firstNoise(config, classes.length, seed));
        const at = { classes, guidance: 1.5, time: 500, row: 0 };
        return toFloats(guidedNoise(base, x, at, (walk) => deep.pass(walk, part, computes)));
      });
    const exact = [1, 2].map((seed) =>
      scope(() => {
        const x = patchesOnDevice(base, config, firstNoise(config, classes.length, seed));
        return toFloats(guidedNoise(base, x, { classes, guidance: 1.5, time: 500, row: 0 }));
      }),
    );
    const [one = new Float32Array(), two = new Float32Array()] = exact;
    // The change is a difference that is added again: a rounding or two.
    const near = (a: Float32Array, b: Float32Array): boolean => gapOf(a, b) < 1e-4;
    t.deepEqual(noiseOf(1, 0, false), one, 'nothing is kept yet');
    t.true(near(noiseOf(1, 0, false), one));
    t.false(near(noiseOf(2, 0, false), two), 'the change is that of other pictures');
    t.deepEqual(noiseOf(2, 1, false), two, 'another part');
    t.deepEqual(noiseOf(2, 0, true), two);
    t.true(near(noiseOf(2, 0, false), two));
  }
  t.is(liveHandles(), before);
});
