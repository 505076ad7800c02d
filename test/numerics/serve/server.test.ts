// What is asked of one server at once, and what comes of it.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ServedQuestion, ServeMessage } from '../../../crds/serve/messages.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { textsOf } from '../../../worker/serve/questions.ts';
import { Server } from '../../../worker/serve/server.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { writeToyJob } from '../../toy/toy-job.ts';

test.before(() => setThreads(1));

const digest = `sha256:${'a'.repeat(64)}`;

async function aServer(t: ExecutionContext, { pages = 64, together = 8 } = {}) {
  const folder = await temporaryFolder();
  await writeToyJob(folder.path, { name: 'served', method: { preset: 'LoRA' } });
  const files = openModel(join(folder.path, 'model'));
  const options = { dtype: 'float32', adapter: null, trains: () => false } as const;
  const model = buildModel(modelSource(files), { ...options, sequenceLength: 64 });
  const said: ServeMessage[] = [];
  const server = new Server({
    ...{ name: 'base', pages, together, context: 64, maxTokens: 12, now: () => 5 },
    base: { model, digest, acceptsUnnamed: false },
    texts: await textsOf(files.headers),
    say: (message) => said.push(message),
  });
  t.teardown(async () => {
    server[Symbol.dispose]();
    model.parameters[Symbol.dispose]();
    files[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const write = (name: string, seed: number) =>
    writePeftFolder(join(folder.path, name), model, {
      rank: 4,
      seed,
      baseDigest: digest,
      size: 0.3,
    });
  const textOf = (id: number): string =>
    said
      .flatMap((message) => (message.serve === 'Step' ? message.texts : []))
      .filter((one) => one.id === id)
      .map(({ text }) => text)
      .join('');
  const endOf = (id: number) =>
    said
      .flatMap((message) => (message.serve === 'Step' ? message.ends : []))
      .find((one) => one.id === id);
  const finish = (): void => {
    while (!server.isIdle) server.step();
  };
  return { server, said, write, textOf, endOf, finish };
}

function aQuestion(model: string, more: Partial<ServedQuestion> = {}): ServedQuestion {
  const prompt = { type: 'Text', text: 'what is 3 and 5' } as const;
  return { model, prompt, maxTokens: 10, temperature: 0, topP: 1, seed: 1, stop: [], ...more };
}

test.serial(
  'an adapter comes and goes while fifty requests run, and none is dropped',
  async (t) => {
    const { server, write, endOf, textOf, finish } = await aServer(t);
    const [first, second] = [await write('first', 1), await write('second', 2)];
    await server.addAdapter('first', first.folder);
    for (let id = 0; id < 50; id += 1) server.ask(id, aQuestion(id % 2 === 0 ? 'base' : 'first'));
    for (let step = 0; step < 4; step += 1) server.step();
    await server.addAdapter('second', second.folder);
    t.deepEqual(
      server.models.map(({ name, base }) => [name, base]),
      [
        ['base', undefined],
        ['first', 'base'],
        ['second', 'base'],
      ],
    );
    server.ask(50, aQuestion('second'));
    const loaded = liveHandles();
    server.removeAdapter('first');
    t.is(liveHandles(), loaded, 'requests that came before still use it');
    finish();
    t.true(liveHandles() < loaded, 'then it is unloaded');
    for (let id = 0; id <= 50; id += 1) t.is(endOf(id)?.reason, 'length', `request ${id}`);
    t.not(textOf(1), textOf(0));
    t.not(textOf(50), textOf(0));
  },
);

test.serial('an unknown model, and what cannot be answered, is said in a sentence', async (t) => {
  const { server, said } = await aServer(t);
  server.ask(1, aQuestion('other'));
  server.ask(2, aQuestion('base', { maxTokens: 60 }));
  server.ask(3, aQuestion('base', { prompt: { type: 'Text', text: 'x'.repeat(100_000) } }));
  server.ask(4, aQuestion('base', { prompt: { type: 'Text', text: '' } }));
  server.ask(5, aQuestion('base', { prompt: { type: 'Tokens', ids: [3, 1e6] } }));
  server.ask(6, aQuestion('base', { prompt: { type: 'Text', text: 'a 1 '.repeat(40) } }));
  t.true(server.isIdle);
  const refused = said.map((message) => (message.serve === 'Refused' ? message.message : ''));
  t.deepEqual(
    said.map((message) => message.serve === 'Refused' && message.reason),
    ['NoModel', ...Array(5).fill('Invalid')],
  );
  for (const [i, pattern] of [
    /the model other does not exist/,
    /max_tokens is 60 and the prompt has \d+ tokens; together they may have 64/,
    /the prompt has 100000 characters, more than the 64 tokens of prompt and answer can spell/,
    /the prompt has no token/,
    /token 1000000 is unknown/,
    /the prompt has 64 tokens or more/,
  ].entries()) {
    t.regex(refused[i] ?? '', pattern);
  }
});

test.serial('one that goes away makes room, wherever it is', async (t) => {
  const { server, endOf, finish } = await aServer(t, { pages: 4, together: 2 });
  for (let id = 0; id < 4; id += 1) server.ask(id, aQuestion('base'));
  server.step();
  server.drop(0);
  server.drop(3);
  server.drop(99);
  finish();
  t.deepEqual(
    [0, 1, 2, 3].map((id) => endOf(id)?.madeTokens),
    [undefined, 10, 10, undefined],
  );
});

test.serial('a stop string ends the text before it, and a seed draws the same again', async (t) => {
  const { server, textOf, endOf, finish } = await aServer(t);
  const drawn = { temperature: 1.5, topP: 0.9 };
  server.ask(1, aQuestion('base', { ...drawn, seed: 3 }));
  finish();
  server.ask(2, aQuestion('base', { ...drawn, seed: 3 }));
  finish();
  server.ask(3, aQuestion('base', { ...drawn, seed: 4 }));
  finish();
  t.is(textOf(2), textOf(1));
  t.not(textOf(3), textOf(1));
  const middle = [...textOf(1)].slice(3, 5).join('');
  server.ask(4, aQuestion('base', { ...drawn, seed: 3, stop: [middle] }));
  finish();
  t.is(textOf(4), textOf(1).slice(0, textOf(1).indexOf(middle)));
  t.is(endOf(4)?.reason, 'stop');
  t.true((endOf(4)?.madeTokens ?? 0) < 10);
});
