// Pictures by several adapters on the emulated device: those of the processor.
import test from 'ava';
import { composeModes } from '../../crds/names/compose-modes.ts';
import { composedModel } from '../../worker/sample/composed-model.ts';
import { aSampling, gapOf, picturesOf } from '../toy/sampling.ts';

await import('./on-device.ts');

test.serial('each mode makes the pictures of the processor', async (t) => {
  const made = [];
  for (const device of ['cpu', 'cuda:0'] as const) {
    const { given, write, load } = await aSampling(t, { device });
    for (const name of ['one', 'three']) await write(name);
    for (const name of ['one', 'three']) await load(name);
    const asked = given({ steps: 6 });
    const parts = ['one', 'three'].map((adapter) => ({ adapter, weight: 1 }));
    made.push(
      composeModes.map((mode) => picturesOf(composedModel({ mode, parts, span: 2 }, asked), asked)),
    );
  }
  const [here = [], there = []] = made;
  // Rounding in float32 of some hundred sums behind others.
  for (const [i, mode] of composeModes.entries()) {
    const gap = gapOf(here[i] ?? new Float32Array(1), there[i] ?? new Float32Array());
    t.true(gap <= 1e-4, `${mode}: ${gap}`);
  }
});
