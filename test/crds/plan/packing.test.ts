import test from 'ava';
import fc from 'fast-check';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { type MemoryQuestion, planMemory } from '../../../crds/plan/memory.ts';
import { keptBetweenSteps, packedPeak, whyNotPacked } from '../../../crds/plan/packing.ts';
import { trainedOf } from '../../../crds/plan/parameters.ts';
import { smol135 } from '../../builders/facts.ts';

const lora = resolveMethod({ preset: 'LoRA' });

test('runs with an adapter share their base, and those that change it do not', (t) => {
  const why = (preset: string) => whyNotPacked(resolveMethod({ preset } as never));
  for (const preset of ['LoRA', 'QLoRA', 'PaCA', 'L4Q']) t.is(why(preset), undefined, preset);
  for (const preset of ['Full', 'LISA', 'GaLore', 'PVTuning', 'PEQA']) {
    t.is(why(preset), 'trains weights of the base itself', preset);
  }
  t.is(why('NoTraining'), 'trains nothing');
});

test('between its steps a run keeps an adapter and its state, and no activations', (t) => {
  const question: MemoryQuestion = {
    ...{ facts: smol135, method: lora, microBatchTokens: 512, perWave: 4, waves: 1, shards: 1 },
    ...{ clip: 'Global', recomputation: 'Auto', targetShare: 0.7 },
    device: { type: 'cpu', bytes: 80 * 2 ** 30 },
  };
  const kept = keptBetweenSteps(question);
  const { adapter } = trainedOf(smol135, lora);
  // The value, a master weight and two moments, in bfloat16 and float32.
  const own = kept - 20 * 2 ** 20;
  t.true(own >= 10 * adapter && own <= 16 * adapter, `${own / adapter} bytes a parameter`);
  t.is(keptBetweenSteps({ ...question, microBatchTokens: 4096 }), kept);
  t.true(kept < planMemory(question).peak / 4);
});

test('of several, the largest counts whole and the others with what they keep', (t) => {
  const run = fc
    .tuple(fc.nat(1000), fc.nat(1000), fc.constantFrom('NF4', 'Int8'))
    .map(([kept, more, form]) => ({ kept, peak: kept + 50 + more, base: { form, bytes: 50 } }));
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), (runs) => {
      const sum = packedPeak(runs);
      const [peak, kept] = [runs.map((one) => one.peak), runs.map((one) => one.kept)];
      const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
      t.true(sum >= Math.max(...peak));
      t.true(sum <= total(peak));
      t.true(sum >= total(kept) + 50);
    }),
  );
  const dense = { form: 'Dense', bytes: 3 };
  const one = { peak: 10, kept: 1, base: dense };
  t.is(packedPeak([one, { peak: 7, kept: 5, base: dense }]), 15);
  t.is(packedPeak([one, { peak: 7, kept: 5, base: { form: 'NF4', bytes: 2 } }]), 17);
});
