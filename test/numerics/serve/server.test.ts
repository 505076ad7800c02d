// What is asked of one server at once, and what comes of it.
import test from 'ava';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aServer, askedOf } from './toy-server.ts';

test.before(() => setThreads(1));

test.serial(
  'an adapter comes and goes while fifty requests run, and none is dropped',
  async (t) => {
    const { server, write, endOf, textOf, finish } = await aServer(t);
    const [first, second] = [await write('first', 1), await write('second', 2)];
    await server.addAdapter('first', first.folder);
    for (let id = 0; id < 50; id += 1) server.ask(id, askedOf(id % 2 === 0 ? 'base' : 'first'));
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
    server.ask(50, askedOf('second'));
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
  server.ask(1, askedOf('other'));
  server.ask(2, askedOf('base', { maxTokens: 60 }));
  server.ask(3, askedOf('base', { prompt: { type: 'Text', text: 'x'.repeat(100_000) } }));
  server.ask(4, askedOf('base', { prompt: { type: 'Text', text: '' } }));
  server.ask(5, askedOf('base', { prompt: { type: 'Tokens', ids: [3, 1e6] } }));
  server.ask(6, askedOf('base', { prompt: { type: 'Text', text: 'a 1 '.repeat(40) } }));
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
    /the prompt has more than 63 tokens/,
  ].entries()) {
    t.regex(refused[i] ?? '', pattern);
  }
});

test.serial('one that goes away makes room, wherever it is', async (t) => {
  const { server, endOf, finish } = await aServer(t, { pages: 4, together: 2 });
  for (let id = 0; id < 4; id += 1) server.ask(id, askedOf('base'));
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

test.serial(
  'adapters are loaded as long as all of them fit, with the sums that they are in',
  async (t) => {
    const parts = ['one', 'two'].map((adapter) => ({ adapter, weight: 1 }));
    const sum = { name: 'both', mode: 'merge', parts, span: 8 } as const;
    const sizes: number[] = [];
    for (const compositions of [[], [sum]]) {
      const roomy = await aServer(t, { compositions });
      const { folder } = await roomy.write('one', 1);
      await roomy.server.addAdapter('one', folder);
      const tight = (adapterBytes: number) => aServer(t, { compositions, adapterBytes });
      const bytes = await (async () => {
        for (let limit = 2 ** 10; ; limit *= 2) {
          const { server } = await tight(limit);
          const fits = await server.addAdapter('one', folder).then(
            () => true,
            () => false,
          );
          if (fits) return limit;
        }
      })();
      sizes.push(bytes);
      const full = await tight(bytes);
      await full.server.addAdapter('one', folder);
      const again = async () => {
        for (const name of ['two', 'three', 'four']) await full.server.addAdapter(name, folder);
      };
      await t.throwsAsync(again(), { message: /does not fit/ });
      t.true(
        full.server.models.some(({ name }) => name === 'one'),
        'what was loaded stays',
      );
    }
    t.is(sizes[1], 2 * (sizes[0] ?? 0), 'a sum has the factors once more');
  },
);

test.serial('prompts that begin in one step have no more tokens than a context', async (t) => {
  const { server, said, finish } = await aServer(t);
  const ids = Array.from({ length: 30 }, (_, i) => 5 + i);
  for (let id = 0; id < 5; id += 1) {
    server.ask(id, askedOf('base', { prompt: { type: 'Tokens', ids } }));
  }
  // The context is 64: two of them, and two more.
  const decoding = [1, 2, 3].map(() => {
    server.step();
    const last = said.at(-1);
    return last?.serve === 'Step' ? last.numbers.decoding : 0;
  });
  t.deepEqual(decoding, [2, 4, 5]);
  finish();
});

test.serial('a stop string ends the text before it, and a seed draws the same again', async (t) => {
  const { server, textOf, endOf, finish } = await aServer(t);
  const drawn = { temperature: 1.5, topP: 0.9 };
  server.ask(1, askedOf('base', { ...drawn, seed: 3 }));
  finish();
  server.ask(2, askedOf('base', { ...drawn, seed: 3 }));
  finish();
  server.ask(3, askedOf('base', { ...drawn, seed: 4 }));
  finish();
  t.is(textOf(2), textOf(1));
  t.not(textOf(3), textOf(1));
  const middle = [...textOf(1)].slice(3, 5).join('');
  server.ask(4, askedOf('base', { ...drawn, seed: 3, stop: [middle] }));
  finish();
  t.is(textOf(4), textOf(1).slice(0, textOf(1).indexOf(middle)));
  t.is(endOf(4)?.reason, 'stop');
  t.true((endOf(4)?.madeTokens ?? 0) < 10);
});

test.serial('a prompt is told with its text, of the base and of adapters', async (t) => {
  const { server, write, said, textOf, endOf, finish } = await aServer(t);
  await server.addAdapter('first', (await write('first', 1)).folder);
  const scored = { echo: true, logprobs: 2, maxTokens: 0 } as const;
  const prompt = { type: 'Text', text: 'what is 3 and 5' } as const;
  server.ask(1, askedOf('base', { ...scored, prompt }));
  server.ask(2, askedOf('first', { ...scored, prompt }));
  server.ask(3, askedOf('base', { echo: true, maxTokens: 0, prompt }));
  server.ask(4, askedOf('base', { ...scored, maxTokens: 3, prompt }));
  finish();
  const tokensOf = (id: number) =>
    said.flatMap((message) =>
      message.serve === 'Step' ? message.texts.filter((one) => one.id === id) : [],
    );
  for (const id of [1, 2, 3]) {
    t.is(textOf(id), prompt.text);
    t.like(endOf(id), { reason: 'length', madeTokens: 0 });
  }
  t.is(endOf(4)?.madeTokens, 3);
  const [base, first, plain, longer] = [1, 2, 3, 4].map((id) =>
    tokensOf(id).flatMap(({ tokens = [] }) => tokens),
  );
  t.deepEqual(plain, []);
  t.is(base?.map(({ bytes }) => bytes).join(''), prompt.text);
  t.is(base?.[0]?.logprob, null);
  const valuesOf = (tokens = base) => tokens?.map(({ logprob }) => logprob) ?? [];
  t.true(
    valuesOf()
      .slice(1)
      .every((one) => one !== null && one < 0),
  );
  t.notDeepEqual(valuesOf(first), valuesOf());
  t.is(longer?.length, (base?.length ?? 0) + 3);
  t.is(longer?.map(({ bytes }) => bytes).join(''), textOf(4));
});

test.serial('a prompt that fills the context may be told, and not be answered', async (t) => {
  const { server, said, finish } = await aServer(t);
  const prompt = {
    type: 'Tokens',
    ids: Array.from({ length: 64 }, (_, i) => 5 + (i % 30)),
  } as const;
  server.ask(1, askedOf('base', { prompt, maxTokens: 0, echo: true, logprobs: 0 }));
  server.ask(2, askedOf('base', { prompt, maxTokens: 1, echo: true, logprobs: 0 }));
  finish();
  const refused = said.flatMap((message) => (message.serve === 'Refused' ? [message] : []));
  t.deepEqual(
    refused.map(({ id }) => id),
    [2],
  );
  t.regex(refused[0]?.message ?? '', /the prompt has more than 63 tokens/);
});

test.serial('parts of a composition that read a prompt apart do not tell it', async (t) => {
  const parts = ['one', 'two'].map((adapter) => ({ adapter, weight: 1 }));
  const compositions = [
    { name: 'mean', mode: 'logits', parts, span: 8 },
    { name: 'sum', mode: 'merge', parts, span: 8 },
  ] as const;
  const { server, write, said, endOf, finish } = await aServer(t, { compositions });
  for (const name of ['one', 'two']) await server.addAdapter(name, (await write(name, 1)).folder);
  const scored = { echo: true, logprobs: 1, maxTokens: 2 } as const;
  server.ask(1, askedOf('mean', scored));
  server.ask(2, askedOf('sum', scored));
  server.ask(3, askedOf('mean', { logprobs: 1, maxTokens: 2 }));
  finish();
  const refused = said.flatMap((message) => (message.serve === 'Refused' ? [message] : []));
  t.deepEqual(
    refused.map(({ id, reason }) => [id, reason]),
    [[1, 'Invalid']],
  );
  t.regex(refused[0]?.message ?? '', /^mean is a composition whose parts read the prompt apart/);
  t.is(endOf(2)?.madeTokens, 2);
  t.is(endOf(3)?.madeTokens, 2);
});
