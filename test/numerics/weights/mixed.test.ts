// A form for each matrix within a budget: what is chosen, and that a run keeps it.
import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { aToyRun } from '../../builders/toy-run.ts';

/** `3.24 bits: 90 Int2 in groups of 64, ...` */
function chosenIn(messages: readonly TelemetryBody[]): { bits: number; forms: readonly string[] } {
  const done = messages.find(
    (one) => one.type === 'stage' && one.subject === 'forms of weights' && one.state === 'Done',
  );
  const [bits = '', forms = ''] = (done?.type === 'stage' ? (done.note ?? '') : '').split(
    ' bits: ',
  );
  return { bits: Number(bits), forms: forms.split(', ') };
}

test.serial(
  'matrices have forms within the budget, a larger budget loses less, and the result has them',
  async (t) => {
    const losses: number[] = [];
    for (const averageBits of ['3', '4.5', '8.9']) {
      const base = { type: 'Mixed', mixed: { averageBits } };
      const adapter = { type: 'LQLoRA', lqLora: { rank: 4, fisherBatches: 2 } };
      const run = await aToyRun(t, {
        ...{ name: 'mixed', method: { preset: 'LQLoRA', base, adapter } },
        // In the first step it is that of the chosen forms from the model in its files.
        training: { maxSteps: 1, learningRate: '1e-6', distillation: { weight: '1', topK: 16 } },
      });
      const { artifacts } = await run.all();
      const { bits, forms } = chosenIn(run.messages);
      t.log(averageBits, bits, forms.join(', '));
      // Nearly all of it, as steps between forms of a small model are.
      t.true(bits <= Number(averageBits) && bits > Number(averageBits) - 0.5, `${bits}`);
      t.is(artifacts[0]?.format, 'MergedSafetensors');
      losses.push(
        ...run.messages.flatMap((one) => (one.type === 'step' ? [one.divergence ?? 0] : [])),
      );
    }
    t.log(losses);
    t.deepEqual(
      losses,
      losses.toSorted((a, b) => b - a),
    );
    t.is(losses.length, 3);
  },
);

test.serial('a budget below the smallest forms is refused with what they have', async (t) => {
  const base = { type: 'Mixed', mixed: { averageBits: '2.1' } };
  const run = await aToyRun(t, { name: 'mixed', method: { preset: 'LQLoRA', base } });
  const error = await t.throwsAsync(run.all());
  t.regex(
    error?.message ?? '',
    /averageBits is 2\.1; with scales, this model has 2\.\d+ bits a weight/,
  );
});
