// Compositions of a server: when they are there, what their requests take, and what they count.
import test from 'ava';
import type { Composition } from '../../../crds/serve/compositions.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aServer, askedOf } from './toy-server.ts';

test.before(() => setThreads(1));

function aComposition(name: string, parts: string, more: Partial<Composition> = {}): Composition {
  const weighted = parts.split(' ').map((adapter) => ({ adapter, weight: 0.5 }));
  return { name, mode: 'logits', span: 2, parts: weighted, ...more };
}

const compositions = [
  aComposition('sum', 'first second', { mode: 'merge' }),
  aComposition('mean', 'first second'),
  aComposition('turns', 'first second', { mode: 'switch' }),
];

test.serial(
  'compositions come and go with their parts, and none of their requests is dropped',
  async (t) => {
    const { server, write, finish, endOf, textOf, said } = await aServer(t, { compositions });
    const folders = [await write('first', 1), await write('second', 2), await write('third', 3)];
    const [first, second, third] = folders.map(({ folder }) => folder) as [string, string, string];
    const names = () => server.models.map(({ name }) => name);
    await server.addAdapter('first', first);
    t.deepEqual(names(), ['base', 'first']);
    t.is(server.waiting[0]?.reason, 'sum waits for its part second');
    t.is(server.waiting.length, 3);
    server.ask(0, askedOf('mean'));
    t.like(said.at(-1), { serve: 'Refused', id: 0, reason: 'NoModel' });
    await server.addAdapter('second', second);
    t.deepEqual(names(), ['base', 'first', 'second', 'sum', 'mean', 'turns']);
    t.deepEqual(server.waiting, []);
    t.deepEqual(server.models[4], {
      ...{ name: 'mean', base: 'base', since: 5 },
      composition: { mode: 'logits', parts: compositions[1]?.parts ?? [] },
    });
    t.deepEqual(server.models[5]?.composition, {
      ...{ mode: 'switch', span: 2 },
      parts: [{ adapter: 'first' }, { adapter: 'second' }],
    });
    const all = ['base', 'first', 'second', 'sum', 'mean', 'turns'];
    for (const [id, name] of all.entries()) server.ask(id, askedOf(name));
    server.step();
    const loaded = liveHandles();
    server.removeAdapter('second');
    t.deepEqual(names(), ['base', 'first']);
    t.is(liveHandles(), loaded, 'requests that came before still use it');
    finish();
    t.true(liveHandles() < loaded, 'then it is unloaded, and the stack with it');
    for (const [id, name] of all.entries()) t.is(endOf(id)?.reason, 'length', name);
    t.is(new Set(all.map((_, id) => textOf(id))).size, all.length, 'each says something else');
    // Another adapter by the name of the part is part of it, from then on.
    await server.addAdapter('second', second);
    await server.addAdapter('second', third);
    for (const [id, name] of all.entries()) server.ask(10 + id, askedOf(name));
    finish();
    t.not(textOf(12), textOf(2));
    t.not(textOf(13), textOf(3));
    t.not(textOf(14), textOf(4));
    await server.addAdapter('second', second);
    for (const [id, name] of all.entries()) server.ask(20 + id, askedOf(name));
    finish();
    for (const [id, name] of all.entries()) t.is(textOf(20 + id), textOf(id), name);
  },
);

test.serial('a request of a mean takes a sequence for each part', async (t) => {
  const three = [aComposition('mean', 'first second third')];
  const { server, write, said, endOf, finish } = await aServer(t, {
    ...{ pages: 12, together: 4, compositions: three },
  });
  for (const [seed, name] of ['first', 'second', 'third'].entries()) {
    await server.addAdapter(name, (await write(name, seed)).folder);
  }
  for (let id = 0; id < 12; id += 1) server.ask(id, askedOf(id % 2 === 0 ? 'mean' : 'base'));
  server.step();
  const numbersOf = () =>
    said.flatMap((message) => (message.serve === 'Step' ? message.numbers : []));
  // Of three sequences and of one; the next three have no room.
  t.like(numbersOf()[0], { decoding: 2, sequences: 4, waiting: 10 });
  server.drop(0);
  finish();
  for (let id = 1; id < 12; id += 1) t.is(endOf(id)?.reason, 'length', `request ${id}`);
  t.true(numbersOf().every(({ sequences }) => sequences <= 4));
  t.true(numbersOf().some(({ decoding, sequences }) => decoding === 4 && sequences === 4));
  t.like(numbersOf().at(-1), { decoding: 0, sequences: 0, freePages: 12 });
  // What a client is told of its tokens is of its text.
  const [single, composed] = [endOf(1), endOf(2)];
  t.is(composed?.promptTokens, single?.promptTokens);
  t.is(composed?.madeTokens, 10);
});

test.serial('a model whose requests take three sequences is served a third as many', async (t) => {
  const three = [aComposition('mean', 'first second third')];
  const { server, write, endOf } = await aServer(t, { together: 6, compositions: three });
  for (const [seed, name] of ['first', 'second', 'third'].entries()) {
    await server.addAdapter(name, (await write(name, seed)).folder);
  }
  for (let id = 0; id < 200; id += 1) server.ask(id, askedOf(id % 2 === 0 ? 'mean' : 'base'));
  for (let step = 0; step < 200; step += 1) server.step();
  const ended = (is: number) =>
    Array.from({ length: 200 }, (_, id) => id).filter((id) => id % 2 === is && endOf(id)).length;
  const [mean, base] = [ended(0), ended(1)];
  t.true(mean >= 10, `${mean}`);
  // By as many as may have begun before the other's turn.
  t.true(Math.abs(base - 3 * mean) <= 6, `${base} and ${mean}`);
});

test.serial('what could never begin is refused in a sentence', async (t) => {
  const wide = [aComposition('mean', 'first second third')];
  await t.throwsAsync(aServer(t, { together: 2, compositions: wide }), {
    message:
      'a request of mean takes 3 sequences, one for each part; the server decodes 2 together',
  });
  await t.throwsAsync(aServer(t, { pages: 2, compositions: wide }), {
    message: 'a request of mean takes 3 sequences, one for each part; the cache has 2 pages in all',
  });
  const { server, write, said, endOf, finish } = await aServer(t, { pages: 4, compositions });
  for (const [seed, name] of ['first', 'second'].entries()) {
    await server.addAdapter(name, (await write(name, seed)).folder);
  }
  server.ask(1, askedOf('mean', { maxTokens: 30 }));
  t.like(said.at(-1), { serve: 'Refused', id: 1, reason: 'Invalid' });
  t.regex(JSON.stringify(said.at(-1)), /max_tokens is 30 .*; together they may have 32/);
  server.ask(2, askedOf('turns', { maxTokens: 30 }));
  server.ask(3, askedOf('mean'));
  finish();
  t.is(endOf(2)?.madeTokens, 30);
  t.is(endOf(3)?.madeTokens, 10);
});
