// The HTTP side alone: the process that holds the model is played by the test.
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { HeldLogprobs } from '../../../cli/serve/held-logprobs.ts';
import { httpEdge } from '../../../cli/serve/http-edge.ts';
import { ModelProcess } from '../../../cli/serve/model-process.ts';
import { ServeMetrics } from '../../../cli/serve/numbers.ts';
import type { ServeMessage, ServeOrder } from '../../../crds/serve/messages.ts';
import { servedAdapters } from '../../../crds/serve/served-adapters.ts';

type Step = Extract<ServeMessage, { serve: 'Step' }>;
const numbers = {
  ...{ waiting: 0, decoding: 1, sequences: 3, freePages: 1, pages: 1, steps: 1, made: 1 },
};

async function anEdge(t: ExecutionContext, { most = 8, isReady = true, mostHeld = 100 } = {}) {
  const orders: ServeOrder[] = [];
  const waiting: (() => void)[] = [];
  const process = new ModelProcess((order) => {
    orders.push(order);
    for (const wake of waiting.splice(0)) wake();
  });
  const models = [{ name: 'base', since: 1 }];
  if (isReady) process.hear({ serve: 'Models', models, refused: [] });
  let leaving = false;
  let draining = false;
  const edge = httpEdge({
    ...{ process, metrics: new ServeMetrics(process), held: new HeldLogprobs(mostHeld), most },
    ...{ isLeaving: () => leaving, isDraining: () => draining, now: () => 5000, seed: () => 7 },
  });
  edge.listen(0, '127.0.0.1');
  await once(edge, 'listening');
  t.teardown(() => {
    edge.close();
    edge.closeAllConnections();
  });
  const origin = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
  const ask = (more: object = {}, signal?: AbortSignal) =>
    fetch(`${origin}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'base', prompt: 'a', ...more }),
      ...(signal && { signal }),
    });
  return {
    ...{ origin, ask, process, orders },
    leave: () => {
      leaving = true;
    },
    drain: () => {
      draining = true;
    },
    /** Resolves when so many orders came. */
    async ordered(count: number) {
      while (orders.length < count) {
        await new Promise<void>((wake) => {
          waiting.push(wake);
        });
      }
    },
    step: (texts: Step['texts'], ends: Step['ends'] = []) =>
      process.hear({ serve: 'Step', texts, ends, numbers }),
  };
}

const usage = { promptTokens: 2, madeTokens: 3 };

test('when as many are open as may be, the next is told to come later', async (t) => {
  const edge = await anEdge(t, { most: 2 });
  const open = [edge.ask(), edge.ask()];
  await edge.ordered(2);
  const refused = await edge.ask();
  t.is(refused.status, 429);
  t.is(refused.headers.get('retry-after'), '1');
  const { error } = (await refused.json()) as { error: { type: string; message: string } };
  t.is(error.type, 'rate_limit_error');
  t.regex(error.message, /^2 requests are open, the most there may be/);
  edge.step([{ id: 0, text: 'x' }], [{ id: 0, reason: 'stop', ...usage }]);
  t.is((await open[0])?.status, 200);
  const next = edge.ask();
  await edge.ordered(3);
  edge.step(
    [],
    [1, 2].map((id) => ({ id, reason: 'length', ...usage })),
  );
  t.is((await next).status, 200);
  t.is((await open[1])?.status, 200);
});

test('a client that goes away is taken back, before its answer and within it', async (t) => {
  const edge = await anEdge(t);
  const before = new AbortController();
  const early = edge.ask({}, before.signal);
  await edge.ordered(1);
  before.abort();
  await t.throwsAsync(early);
  await edge.ordered(2);
  t.deepEqual(edge.orders[1], { serve: 'Drop', id: 0 });
  const within = new AbortController();
  const asked = edge.ask({ stream: true }, within.signal);
  await edge.ordered(3);
  edge.step([{ id: 1, text: 'x' }]);
  const answer = await asked;
  t.is(answer.headers.get('content-type'), 'text/event-stream');
  within.abort();
  await edge.ordered(4);
  t.deepEqual(edge.orders[3], { serve: 'Drop', id: 1 });
  t.is(edge.process.open, 0);
});

test('one that never reads its stream is left once a megabyte waits for it', async (t) => {
  const edge = await anEdge(t);
  const { hostname, port } = new URL(edge.origin);
  const client = httpRequest({ hostname, port, path: '/v1/completions', method: 'POST' });
  client.on('error', () => {});
  client.on('response', (response) => response.pause());
  client.end(JSON.stringify({ model: 'base', prompt: 'a', stream: true }));
  await edge.ordered(1);
  // More than any buffer of the system between them.
  for (let n = 0; n < 400 && edge.process.open > 0; n += 1) {
    edge.step([{ id: 0, text: 'x'.repeat(65_536) }]);
    await new Promise((next) => setImmediate(next));
  }
  await edge.ordered(2);
  t.deepEqual(edge.orders[1], { serve: 'Drop', id: 0 });
  client.destroy();
});

test('without a model, while it drains, and once the process is gone, it says so', async (t) => {
  const early = await anEdge(t, { isReady: false });
  t.is((await fetch(`${early.origin}/readyz`)).status, 503);
  t.is((await fetch(`${early.origin}/healthz`)).status, 200);
  t.is((await early.ask()).status, 503);
  const edge = await anEdge(t);
  t.is((await fetch(`${edge.origin}/readyz`)).status, 200);
  const open = edge.ask();
  await edge.ordered(1);
  edge.drain();
  t.is((await fetch(`${edge.origin}/readyz`)).status, 503);
  t.is((await edge.ask()).status, 503);
  edge.process.gone();
  t.is((await open).status, 500);
  t.is((await fetch(`${edge.origin}/healthz`)).status, 503);
});

test('numbers of what was answered are on the page of metrics', async (t) => {
  const edge = await anEdge(t);
  const answered = edge.ask();
  await edge.ordered(1);
  edge.step([{ id: 0, text: 'x' }], [{ id: 0, reason: 'stop', ...usage }]);
  t.deepEqual(((await (await answered).json()) as { usage: object }).usage, {
    ...{ prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
  });
  t.is((await edge.ask({ model: 'other' })).status, 404);
  const page = await (await fetch(`${edge.origin}/metrics`)).text();
  t.regex(page, /^anneal_serve_requests_total\{status="200"\} 1$/m);
  t.regex(page, /^anneal_serve_requests_total\{status="404"\} 1$/m);
  t.regex(page, /^anneal_serve_tokens_total\{model="base",kind="made"\} 3$/m);
  t.regex(page, /^anneal_serve_decoding 1$/m);
  t.regex(page, /^anneal_serve_sequences 3$/m);
});

test('one that leaves still answers, asks for no more on the connection, and is not ready', async (t) => {
  const edge = await anEdge(t);
  edge.leave();
  const asked = edge.ask();
  await edge.ordered(1);
  edge.step([{ id: 0, text: 'x' }], [{ id: 0, reason: 'stop', ...usage }]);
  const answer = await asked;
  t.is(answer.status, 200);
  t.is(answer.headers.get('connection'), 'close');
  t.is((await fetch(`${edge.origin}/readyz`)).status, 503);
  edge.drain();
  t.is((await edge.ask()).status, 503);
});

test('what is served beside the base is told, and why something is not', async (t) => {
  const edge = await anEdge(t);
  const refused = [{ name: 'b', reason: 'is of another base' }];
  const models = [
    { name: 'base', since: 1 },
    { name: 'a', base: 'base', folder: '/a', since: 2 },
    { name: 'both', base: 'base', since: 2 },
  ];
  edge.process.hear({ serve: 'Models', models, refused });
  const told = servedAdapters.parse(await (await fetch(`${edge.origin}/adapters`)).json());
  const load = { open: 0, answers: 0, tokens: 0 };
  const served = [
    { name: 'a', folder: '/a', load },
    { name: 'both', load },
  ];
  t.deepEqual(told, { served, refused });
});

test('what each adapter was asked is told, until it is unloaded', async (t) => {
  const edge = await anEdge(t);
  const base = { name: 'base', since: 1 };
  const adapter = { name: 'a', base: 'base', folder: '/a', since: 2 };
  edge.process.hear({ serve: 'Models', models: [base, adapter], refused: [] });
  const loadOfIt = async () => {
    const told = servedAdapters.parse(await (await fetch(`${edge.origin}/adapters`)).json());
    return told.served.find(({ name }) => name === 'a')?.load;
  };
  const first = edge.ask({ model: 'a' });
  const dropped = new AbortController();
  const second = edge.ask({ model: 'a' }, dropped.signal);
  const other = edge.ask();
  await edge.ordered(3);
  t.deepEqual(await loadOfIt(), { open: 2, answers: 0, tokens: 0 });
  edge.step([], [{ id: 0, reason: 'stop', ...usage }]);
  await first;
  dropped.abort();
  await t.throwsAsync(second);
  await edge.ordered(4);
  t.deepEqual(await loadOfIt(), { open: 0, answers: 1, tokens: 3 });
  edge.process.hear({ serve: 'Models', models: [base], refused: [] });
  edge.process.hear({ serve: 'Models', models: [base, adapter], refused: [] });
  t.deepEqual(await loadOfIt(), { open: 0, answers: 0, tokens: 0 });
  edge.step([], [{ id: 2, reason: 'stop', ...usage }]);
  await other;
});

interface Completion {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: string | null;
    readonly logprobs: { readonly tokens: readonly string[] } | null;
  }[];
  readonly usage: object;
}

test('prompts of one request are answered in their order, whichever ends first', async (t) => {
  const edge = await anEdge(t);
  const asked = edge.ask({ prompt: ['a', 'b'], logprobs: 0 });
  await edge.ordered(2);
  const token = { bytes: 'y', at: 0, logprob: -1, top: [] };
  edge.step([{ id: 1, text: 'y', tokens: [token] }], [{ id: 1, reason: 'stop', ...usage }]);
  edge.step([{ id: 0, text: 'x' }], [{ id: 0, reason: 'length', ...usage }]);
  const body = (await (await asked).json()) as Completion;
  t.deepEqual(
    body.choices.map(({ index, text, finish_reason }) => [index, text, finish_reason]),
    [
      [0, 'x', 'length'],
      [1, 'y', 'stop'],
    ],
  );
  t.deepEqual(body.choices[1]?.logprobs?.tokens, ['y']);
  t.deepEqual(body.usage, { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
});

test('in pieces, each says of which prompt it is', async (t) => {
  const edge = await anEdge(t);
  const asked = edge.ask({ prompt: ['a', 'b'], stream: true });
  await edge.ordered(2);
  edge.step([{ id: 1, text: 'y' }], [{ id: 1, reason: 'stop', ...usage }]);
  edge.step([{ id: 0, text: 'x' }], [{ id: 0, reason: 'length', ...usage }]);
  const events = (await (await asked).text()).split('\n\n').filter((event) => event !== '');
  t.is(events.at(-1), 'data: [DONE]');
  const pieces = events.slice(0, -1).flatMap((event) => {
    const { choices } = JSON.parse(event.slice('data: '.length)) as Completion;
    return choices.map(({ index, text, finish_reason }) => [index, text, finish_reason]);
  });
  t.deepEqual(pieces, [
    [1, 'y', null],
    [1, '', 'stop'],
    [0, 'x', null],
    [0, '', 'length'],
  ]);
});

test('one prompt that is refused refuses the request, and takes the others back', async (t) => {
  const edge = await anEdge(t);
  const asked = edge.ask({ prompt: ['a', 'b', 'c'] });
  await edge.ordered(3);
  edge.process.hear({ serve: 'Refused', id: 1, reason: 'Invalid', message: 'too long' });
  const answer = await asked;
  t.is(answer.status, 400);
  t.deepEqual(edge.orders.slice(3), [
    { serve: 'Drop', id: 0 },
    { serve: 'Drop', id: 2 },
  ]);
  t.is(edge.process.open, 0);
});

test('each prompt counts, and more than there may ever be are refused', async (t) => {
  const edge = await anEdge(t, { most: 2 });
  const never = await edge.ask({ prompt: ['a', 'b', 'c'] });
  t.is(never.status, 400);
  t.regex(
    ((await never.json()) as { error: { message: string } }).error.message,
    /^prompt has 3 prompts; this server takes 2 at once/,
  );
  const open = edge.ask();
  await edge.ordered(1);
  t.is((await edge.ask({ prompt: ['a', 'b'] })).status, 429);
  edge.step([], [{ id: 0, reason: 'stop', ...usage }]);
  t.is((await open).status, 200);
});

test('more log probabilities than may wait for their answers are refused, not held', async (t) => {
  const edge = await anEdge(t, { mostHeld: 5 });
  const token = { bytes: 'y', at: 0, logprob: -1, top: [{ bytes: 'z', logprob: -0.5 }] };
  const first = edge.ask({ logprobs: 1 });
  const second = edge.ask({ logprobs: 1, prompt: ['a', 'b'] });
  await edge.ordered(3);
  edge.step([{ id: 0, text: 'yy', tokens: [token, token] }]);
  edge.step([{ id: 1, text: 'y', tokens: [token] }]);
  const refused = await second;
  t.is(refused.status, 429);
  t.regex(
    ((await refused.json()) as { error: { message: string } }).error.message,
    /hold 5 log probabilities, the most there may be/,
  );
  t.is(edge.process.open, 1, 'the other prompt is taken back');
  edge.step([], [{ id: 0, reason: 'stop', ...usage }]);
  t.is((await first).status, 200);
  // There is room again.
  const third = edge.ask({ logprobs: 1 });
  await edge.ordered(6);
  edge.step([{ id: 3, text: 'yy', tokens: [token, token] }], [{ id: 3, reason: 'stop', ...usage }]);
  t.is((await third).status, 200);
});

test('what is known of a prompt may be more than a call has arguments', async (t) => {
  const count = 200_000;
  const edge = await anEdge(t, { mostHeld: count });
  const asked = edge.ask({ logprobs: 0, echo: true, max_tokens: 0 });
  await edge.ordered(1);
  const token = { bytes: 'y', at: 0, logprob: -1, top: [] };
  const tokens = Array.from({ length: count }, () => token);
  edge.step([{ id: 0, text: 'y', tokens }], [{ id: 0, reason: 'length', ...usage }]);
  const answer = (await (await asked).json()) as {
    choices: { logprobs: { tokens: string[] } }[];
  };
  t.is(answer.choices[0]?.logprobs.tokens.length, count);
});
