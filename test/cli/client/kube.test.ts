import type { Socket } from 'node:net';
import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import { listen } from '../../doubles/http-server.ts';

const never = new AbortController().signal;

/** Answers the first request of each connection, and cuts it at the second. */
async function forgetful() {
  const seen = new Map<Socket, number>();
  const verbs: string[] = [];
  const server = await listen((request, response) => {
    const before = seen.get(request.socket) ?? 0;
    seen.set(request.socket, before + 1);
    verbs.push(`${request.method} ${before}`);
    if (before > 0) request.socket.resetAndDestroy();
    else response.end('{}');
  });
  const access = {
    ...{ contextName: 'prod', namespace: undefined, server: server.origin },
    authorize: async () => ({}),
  };
  const kube = new Kube(access, 60_000);
  return {
    ...{ kube, verbs },
    async [Symbol.asyncDispose]() {
      await kube[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a kept connection that the server has closed is no server that does not answer', async (t) => {
  await using at = await forgetful();
  for (const verb of ['GET', 'PATCH', 'DELETE'] as const) {
    await at.kube.send({ verb, path: '/a' }, never);
  }
  t.deepEqual(at.verbs, ['GET 0', 'PATCH 1', 'PATCH 0', 'DELETE 1', 'DELETE 0']);
});

test('what would be made twice is not asked for twice', async (t) => {
  await using at = await forgetful();
  await at.kube.send({ verb: 'GET', path: '/a' }, never);
  await t.throwsAsync(() => at.kube.send({ verb: 'POST', path: '/a', body: {} }, never), {
    code: 'E_UNREACHABLE',
    message: /ECONNRESET/,
  });
});
