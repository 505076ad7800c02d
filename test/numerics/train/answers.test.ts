// The job's prompts through the chat template of the model, and its answers as text.
import test, { type ExecutionContext } from 'ava';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../../worker/data/tokenizer-definition.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { generate } from '../../../worker/decoding/generate.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { samplerOf } from '../../../worker/train/answers.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

test.before(() => setThreads(1));

const prompts = ['what is 3 and 5', 'and 7'];

async function aSampler(
  t: ExecutionContext,
  samples: object,
  dataset: Readonly<Record<string, unknown>> = {},
) {
  const folder = await temporaryFolder();
  const run = await ToyRun.make(folder.path, {
    ...{ name: 'asked', method: { preset: 'LoRA' }, training: { samples }, dataset },
  });
  const files = openModel(`${folder.path}/model`);
  const options = { dtype: 'float32', adapter: null, sequenceLength: 64 } as const;
  const model = buildModel(modelSource(files), options);
  t.teardown(async () => {
    model.parameters[Symbol.dispose]();
    files[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const tokenizer = createTokenizer(await readTokenizerFolder(`${folder.path}/model`));
  return { sample: await samplerOf(run.record, files, model), model, tokenizer };
}

test.serial(
  'a prompt is a turn of the user, and the answer what the model goes on with',
  async (t) => {
    const { sample, model, tokenizer } = await aSampler(t, { prompts, maxTokens: 6 });
    const before = liveHandles();
    const found = await sample(() => false);
    t.is(liveHandles(), before);
    const expected = prompts.map((prompt) => {
      const text = `<|begin|>user\n${prompt}<|end|><|begin|>assistant\n`;
      const ids = generate(model, tokenizer.encode(text), {
        ...{ maxTokens: 6, temperature: 0, stop: new Set(tokenizer.encode('<|end|>')) },
        draw: () => 0,
      });
      return { prompt, text: tokenizer.decode(ids).trim() };
    });
    t.deepEqual(found, expected);
  },
);

test.serial('the template of the job is used where it has one', async (t) => {
  const chatTemplate = "{% for m in messages %}{{ m['content'] }}{% endfor %}";
  const { sample, model, tokenizer } = await aSampler(
    t,
    { prompts, maxTokens: 6 },
    { chatTemplate },
  );
  const [first] = (await sample(() => false)) ?? [];
  const ids = generate(model, tokenizer.encode('what is 3 and 5'), {
    ...{ maxTokens: 6, temperature: 0, stop: new Set(tokenizer.encode('<|end|>')) },
    draw: () => 0,
  });
  t.is(first?.text, tokenizer.decode(ids).trim());
});

test.serial('with a temperature the seed decides, and each asking draws the same', async (t) => {
  const { sample } = await aSampler(t, { prompts, maxTokens: 12, temperature: '8' });
  const first = await sample(() => false);
  t.deepEqual(
    await sample(() => false),
    first,
    'answers of before and after differ by the model alone',
  );
  const cold = await aSampler(t, { prompts, maxTokens: 12 });
  t.notDeepEqual(await cold.sample(() => false), first);
});

test.serial('a job without prompts asks nothing', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const { record } = await ToyRun.make(folder.path, { name: 'silent', method: { preset: 'LoRA' } });
  const never = undefined as never;
  const sample = await samplerOf(record, never, never);
  t.deepEqual(await sample(() => false), []);
});

test.serial(
  'a stop between two tokens leaves no answers, not even those that were whole',
  async (t) => {
    const { sample } = await aSampler(t, { prompts, maxTokens: 6 });
    let asked = 0;
    const never = () => {
      asked += 1;
      return false;
    };
    t.is((await sample(never))?.length, 2);
    const all = asked;
    t.true(all > prompts.length);
    for (const at of [1, all - 2, all]) {
      let left = at;
      t.is(await sample(() => --left <= 0), null, `asked ${at} times`);
    }
  },
);
