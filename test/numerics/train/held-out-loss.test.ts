import test from 'ava';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import { countUp } from '../../builders/toy-training.ts';
import { aModel, aSequence } from '../../builders/training.ts';
import { type GoldenCase, golden, goldenConfig, goldenTensors } from '../../toy/golden.ts';
import { document, referenceLogits } from '../../toy/reference-decoder.ts';

test.before(() => setThreads(1));

const never = () => false;
const texts = [countUp(0, 12), countUp(5, 3), countUp(31, 7)];

/**
 * The reference chooses the factors of longrope by the text, a run by its configured length: the
 * same for long texts.
 */
function textsOf({ name }: GoldenCase): readonly (readonly number[])[] {
  return name === 'phi3-longrope' ? texts.map(([first = 0]) => countUp(first, 12)) : texts;
}

/**
 * Mean loss and share of right guesses by the decoder that is written down literally, text by text.
 */
function reference(each: GoldenCase): { readonly loss: number; readonly accuracy: number } {
  return scope(() => {
    const config = goldenConfig(each);
    const weights = new Map(
      [...goldenTensors(config)].map(([name, { spec, values }]) => [
        name,
        tensor(values, spec.shape),
      ]),
    );
    let [nll, right, targetCount] = [0, 0, 0];
    for (const ids of textsOf(each)) {
      const logits = toArray(referenceLogits({ config, weights }, document(ids)));
      for (const [position, label] of ids.slice(1).entries()) {
        const row = logits.slice(position * config.V, (position + 1) * config.V);
        const largest = Math.max(...row);
        const total = row.reduce((sum, z) => sum + Math.exp(z - largest), 0);
        nll += largest + Math.log(total) - (row[label] ?? Number.NaN);
        right += row[label] === largest ? 1 : 0;
        targetCount += 1;
      }
    }
    return { loss: nll / targetCount, accuracy: right / targetCount };
  });
}

/** Two ways to the same float64 sum of some 10^4 terms of size 10. */
const rounding = 1e4 * 10 * 2 ** -53;

const measures = test.macro({
  async exec(t, each: GoldenCase) {
    const model = aModel(each);
    using _parameters = model.parameters;
    const all = textsOf(each);
    const before = liveHandles();
    const found = await heldOutLoss(
      model,
      [aSequence(all.slice(0, 2)), aSequence(all.slice(2))],
      never,
    );
    t.is(liveHandles(), before);
    const { loss, accuracy } = reference(each);
    t.true(Math.abs((found?.loss ?? 0) - loss) <= rounding, `${found?.loss} for ${loss}`);
    t.is(found?.accuracy, accuracy);
    t.is(
      found?.tokens,
      all.reduce((sum, { length }) => sum + length - 1, 0),
    );
    t.is(found?.perplexity, Math.exp(found?.loss ?? 0));
    const sums = found?.sums ?? [];
    t.is(sums.length, all.length);
    const total = sums.reduce((sum, one) => sum + one, 0);
    t.true(Math.abs(total / (found?.tokens ?? 0) - loss) <= rounding);
    const apart = all.map((ids) => aSequence([ids]));
    const others = await heldOutLoss(model, apart, never);
    t.true(Math.abs((others?.loss ?? 0) - loss) <= rounding, 'packed or not');
  },
  title: (_, { name }: GoldenCase) => `${name} is measured by loss and accuracy of target tokens`,
});
for (const each of golden.cases) test.serial(measures, each);

const [llama] = golden.cases;
if (llama === undefined) throw new Error('the golden table is empty');

test.serial(
  'tokens without a label do not count, and sequences without any are passed over',
  async (t) => {
    const model = aModel(llama);
    using _parameters = model.parameters;
    const whole = aSequence([countUp(0, 12)]);
    const silent: HostSequence = { ...whole, labels: whole.labels.map(() => -100), targetCount: 0 };
    const half: HostSequence = {
      ...whole,
      labels: whole.labels.map((label, i) => (i < 6 ? -100 : label)),
      targetCount: 5,
    };
    const alone = await heldOutLoss(model, [half], never);
    t.is(alone?.tokens, 5);
    t.deepEqual(await heldOutLoss(model, [silent, half, silent], never), alone);
    t.notDeepEqual(await heldOutLoss(model, [whole], never), alone);
  },
);

test.serial('nothing to measure is no token, and no number', async (t) => {
  const model = aModel(llama);
  using _parameters = model.parameters;
  const found = await heldOutLoss(model, [], never);
  t.is(found?.tokens, 0);
  t.is(found?.loss, Number.NaN);
});

test.serial(
  'a wish to stop is heard between two sequences, and half a measurement is none',
  async (t) => {
    const model = aModel(llama);
    using _parameters = model.parameters;
    let asked = 0;
    const stopping = () => {
      asked += 1;
      return asked > 1;
    };
    const sequences = texts.map((ids) => aSequence([ids]));
    t.is(await heldOutLoss(model, sequences, stopping), null);
    t.is(asked, 2);
  },
);
