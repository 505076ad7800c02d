// Instructions that a toy answers, and what is said of a file that answers them otherwise.
import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { type Asked, askArtifact } from '../../../worker/publish/follow-instructions.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun } from '../../builders/toy-run.ts';
import { aModel } from '../../builders/training.ts';
import { goldenCase } from '../../toy/make-toy.ts';

test.before(() => setThreads(1));

/** More than are decoded together. */
const count = 20;

const prompts = {
  hasTemplate: true,
  stop: new Set<number>(),
  encode: (prompt: string) => [...prompt].map((character) => character.charCodeAt(0) % 40),
  // One word for each id.
  decode: (ids: readonly number[]) => ids.map((id) => `w${id}`).join(' '),
};

function asking() {
  const told: TelemetryBody[] = [];
  const { signal } = new AbortController();
  const context = { emit: (body: TelemetryBody) => void told.push(body), stop: signal };
  return { told, settings: { ...context, format: 'GGUF', seed: 7 } };
}

test.serial(
  'the same model follows the same instructions, and leaves nothing behind',
  async (t) => {
    const model = aModel(goldenCase('llama'));
    using _parameters = model.parameters;
    const some = Array.from({ length: count }, (_, i) => ({
      prompt: `question ${i}`,
      form: { type: 'Words', least: 96, most: i % 2 === 0 ? 96 : 10 },
    })) as Extract<Asked, { some: unknown }>['some'];
    const followed = some.map((_, i) => i % 2 === 0);
    const { told, settings } = asking();
    const handles = liveHandles();
    const found = await askArtifact(model, { some, prompts, followed }, settings);
    t.is(liveHandles(), handles);
    t.deepEqual(found, {
      ...{ value: 1, low: 1, high: 1 },
      followed: { asked: count, trained: 10, artifact: 10 },
    });
    t.like(told[0], { subject: 'instructions to GGUF', done: 16, total: count });
    t.like(told[1], { done: count });
  },
);

test.serial('a damaged model is told from the trained one by its answers', async (t) => {
  const [trained, damaged] = [aModel(goldenCase('llama')), aModel(goldenCase('llama'))];
  using _trained = trained.parameters;
  using _damaged = damaged.parameters;
  scope(() => ops.mulScalar_(damaged.parameters.value('model.norm.weight'), -1));
  const { settings } = asking();
  const none: readonly boolean[] = Array.from({ length: count }, () => false);
  const asked = Array.from({ length: count }, (_, i) => `question ${i}`);
  // What the trained model says is what is wanted.
  const words: string[] = [];
  const listening = {
    ...prompts,
    decode: (ids: readonly number[]) => {
      words.push(prompts.decode(ids));
      return '';
    },
  };
  const open = asked.map((prompt) => ({ prompt, form: { type: 'Begins', text: 'x' } as const }));
  await askArtifact(trained, { some: open, prompts: listening, followed: none }, settings);
  const some = asked.map((prompt, i) => ({
    prompt,
    form: { type: 'Begins', text: words[i] ?? '' } as const,
  }));
  const followed = none.map(() => true);
  const same = await askArtifact(trained, { some, prompts, followed }, settings);
  t.like(same, { value: 1, followed: { trained: count, artifact: count } });
  const other = await askArtifact(damaged, { some, prompts, followed }, settings);
  t.true((other?.high ?? 1) < 0.9, JSON.stringify(other));
});

test.serial('a model that follows too few is not compared, and the report says so', async (t) => {
  const run = await aToyRun(t, {
    ...{ name: 'asked', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
    training: { maxSteps: 1, globalBatchSize: 1 },
    evaluation: { instructions: 16 },
  });
  const [artifact] = (await run.all()).artifacts;
  const { leftOut = [], instructions } = artifact?.evaluation ?? {};
  t.is(instructions, undefined);
  t.regex(
    leftOut.join('\n'),
    /^instructions: the trained model follows \d of 16, too few to compare$/m,
  );
});
