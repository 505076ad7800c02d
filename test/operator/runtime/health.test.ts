import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { HealthServer, type Readiness } from '../../../operator/runtime/health.ts';

const facts = {
  port: 0,
  host: '127.0.0.1',
  loopLagMs: () => 0,
  ready: (): Readiness => ({ ready: true }),
  metrics: async () => ({ contentType: 'text/plain', text: 'up 1' }),
};

async function ask(server: HealthServer, path: string) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return [response.status, await response.text()] as const;
}

test('a healthy process says ok and shows its metrics', async (t) => {
  await using server = await HealthServer.listen(facts);
  t.deepEqual(await ask(server, '/healthz'), [200, 'ok']);
  t.deepEqual(await ask(server, '/readyz?verbose'), [200, 'ok']);
  t.deepEqual(await ask(server, '/metrics'), [200, 'up 1']);
});

test('readiness and a held-up loop are told with their reason', async (t) => {
  await using server = await HealthServer.listen({
    ...facts,
    loopLagMs: () => 6_000,
    ready: () => ({ ready: false, why: 'jobs are not listed yet' }),
  });
  t.deepEqual(await ask(server, '/healthz'), [503, 'the event loop was held up for 6000 ms']);
  t.deepEqual(await ask(server, '/readyz'), [503, 'jobs are not listed yet']);
});

test('an unknown route and metrics that break do not end the server', async (t) => {
  await using server = await HealthServer.listen({
    ...facts,
    metrics: () => Promise.reject(new Error('no numbers')),
  });
  t.is((await ask(server, '/other'))[0], 404);
  t.deepEqual(await ask(server, '/metrics'), [500, 'Error: no numbers']);
  t.is((await ask(server, '/healthz'))[0], 200);
});

test('a port that somebody else has is told, and what to do about it', async (t) => {
  await using server = await HealthServer.listen(facts);
  const error = await t.throwsAsync(HealthServer.listen({ ...facts, port: server.port }), {
    instanceOf: UserError,
    message: new RegExp(
      `^port ${server.port} for health and metrics cannot be opened: .*EADDRINUSE`,
    ),
  });
  t.is(error?.hint, 'set ANNEAL_HEALTH_PORT to a port that is free');
});
