import type { ServerResponse } from 'node:http';
import test from 'ava';
import { podAsker } from '../../../operator/server/ask-pods.ts';
import { listen } from '../../doubles/http-server.ts';

const never = new AbortController().signal;

async function asked(
  answer: (response: ServerResponse, path: string) => void,
  { signal = never, engine = 'Anneal' as 'Anneal' | 'VLLM' } = {},
) {
  await using server = await listen((request, response) => answer(response, request.url ?? ''));
  await using ask = podAsker(Number(new URL(server.origin).port));
  return await ask('127.0.0.1', engine, signal);
}

test('a pod says which adapters it serves, and why others are not', async (t) => {
  const told = {
    served: [{ name: 'a', folder: '/a' }],
    refused: [{ name: 'b', reason: 'is of another base' }],
  };
  t.deepEqual(await asked((response) => response.end(JSON.stringify(told))), told);
});

test('vLLM says the same with its list of models, where the root of an adapter is its folder', async (t) => {
  const told = await asked(
    (response, path) => {
      t.is(path, '/v1/models');
      const parent = { object: 'model', owned_by: 'vllm', parent: 'base', permission: [] };
      const data = [
        { ...parent, id: 'base', root: '/var/cache/anneal/vllm/model', parent: null },
        { ...parent, id: 'first', root: '/volumes/results/first' },
      ];
      response.end(JSON.stringify({ object: 'list', data }));
    },
    { engine: 'VLLM' },
  );
  t.deepEqual(told?.served[1], { name: 'first', folder: '/volumes/results/first' });
  t.deepEqual(told?.refused, []);
});

test('a pod that answers something else, too much, or not at all says nothing', async (t) => {
  const answers: readonly ((response: ServerResponse) => void)[] = [
    (response) => response.end('{"served": "all"}'),
    (response) => response.end('['.repeat(100_000)),
    (response) => response.end(' '.repeat(2 * 2 ** 20)),
    (response) => response.writeHead(503).end('not ready'),
    (response) => response.destroy(),
  ];
  for (const answer of answers) t.is(await asked(answer), undefined);
  await using ask = podAsker(1);
  t.is(await ask('127.0.0.1', 'Anneal', never), undefined);
});

test('an operator that ends does not wait for a pod', async (t) => {
  const ending = new AbortController();
  const silent = asked(() => ending.abort(new Error('the lease is lost')), {
    signal: ending.signal,
  });
  await t.throwsAsync(silent, { message: 'the lease is lost' });
});
