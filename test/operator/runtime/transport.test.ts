import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { ApiError } from '../../../operator/runtime/api-error.ts';
import { CredentialSource } from '../../../operator/runtime/credentials.ts';
import { aConfig, aTransport } from '../../builders/kube-client.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { listen } from '../../doubles/http-server.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const never = new AbortController().signal;
const get = { verb: 'GET', path: '/apis/batch/v1/jobs' } as const;

test('a body goes out as JSON with its content type, and the answer comes back parsed', async (t) => {
  await using server = await listen(async (request, response) => {
    const body: unknown = await json(request);
    response.end(JSON.stringify({ url: request.url, type: request.headers['content-type'], body }));
  });
  await using transport = aTransport(server.origin);
  const answer = await transport.send(
    { verb: 'PATCH', path: '/x', query: { a: 1, b: undefined }, body: [1], contentType: 'x/y' },
    never,
  );
  t.deepEqual(answer, { url: '/x?a=1', type: 'x/y', body: [1] });
});

test('429 tells how long to wait, in the words of the server', async (t) => {
  await using server = await listen((_request, response) => {
    response.writeHead(429, { 'retry-after': '7' });
    response.end(
      JSON.stringify({
        kind: 'Status',
        code: 429,
        reason: 'TooManyRequests',
        message: 'slow down',
      }),
    );
  });
  await using transport = aTransport(server.origin);
  const error = await t.throwsAsync(transport.send(get, never), { instanceOf: ApiError });
  t.is(error?.retryAfterMs, 7_000);
  t.is(error?.status, 429);
  t.is(error?.message, 'GET batch/v1/jobs was answered with 429: slow down');
});

test('a proxy that answers in plain text is quoted', async (t) => {
  await using server = await listen((_request, response) => {
    response.writeHead(502).end('bad gateway');
  });
  await using transport = aTransport(server.origin);
  const error = await t.throwsAsync(transport.send(get, never), { instanceOf: ApiError });
  t.is(error?.message, 'GET batch/v1/jobs was answered with 502: bad gateway');
  t.is(error?.reason, 'HTTP502');
});

test('a server that does not answer ends the request at its deadline', async (t) => {
  await using server = await listen(() => undefined);
  await using transport = aTransport(server.origin, { timeoutMs: 50 });
  const error = await t.throwsAsync(transport.send(get, never), { instanceOf: ApiError });
  t.is(error?.status, 0);
  t.is(error?.code, 'E_UNREACHABLE');
});

test('a server that is not there is an unanswered request', async (t) => {
  const server = await listen(() => undefined);
  await server[Symbol.asyncDispose]();
  await using transport = aTransport(server.origin);
  const error = await t.throwsAsync(transport.send(get, never), { instanceOf: ApiError });
  t.is(error?.reason, 'Unanswered');
});

test('an abort ends a request with the reason of the signal', async (t) => {
  const stop = new AbortController();
  await using server = await listen(() => stop.abort(new Error('enough')));
  await using transport = aTransport(server.origin);
  await t.throwsAsync(transport.send(get, stop.signal), { message: 'enough' });
});

test('lines come as they are sent, also when a line arrives in pieces', async (t) => {
  await using server = await listen((_request, response) => {
    response.write('{"a":');
    setImmediate(() => {
      response.write('1}\n\n{"b":"ü');
      setImmediate(() => response.end('"}\nrest'));
    });
  });
  await using transport = aTransport(server.origin);
  const lines: string[] = [];
  for await (const line of transport.lines(get, 1_000, never)) lines.push(line);
  t.deepEqual(lines, ['{"a":1}', '{"b":"ü"}', 'rest']);
});

test('a stream that says nothing for too long is an error', async (t) => {
  await using server = await listen((_request, response) => {
    response.write('one\n');
  });
  await using transport = aTransport(server.origin);
  const lines: string[] = [];
  await t.throwsAsync(
    async () => {
      for await (const line of transport.lines(get, 20, never)) lines.push(line);
    },
    { instanceOf: ApiError },
  );
  t.deepEqual(lines, ['one']);
});

test('the token of a pod is sent, and a 401 says whose fault it is', async (t) => {
  await using folder = await temporaryFolder();
  const tokenFile = join(folder.path, 'token');
  await writeFile(tokenFile, 'first');
  const seen: (string | undefined)[] = [];
  await using server = await listen((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(401).end('{}');
  });
  const user = { authProvider: { name: 'tokenFile', config: { tokenFile } } };
  const credentials = new CredentialSource(aConfig(server.origin, user), systemClock);
  await using transport = aTransport(server.origin, { credentials });
  await t.throwsAsync(transport.send(get, never), { code: 'E_NOT_PERMITTED' });
  t.deepEqual(seen, ['Bearer first']);
});

test('the clock of the server is compared with ours', async (t) => {
  const clock = new FakeClock();
  await using server = await listen((_request, response) => {
    response.setHeader('date', new Date(clock.now() + 60_000).toUTCString());
    response.end('{}');
  });
  await using transport = aTransport(server.origin, { clock });
  await transport.send(get, never);
  t.is(transport.skewMs, 60_000);
});
