import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import fc from 'fast-check';
import { TerminalError } from '../../../crds/failures/errors.ts';
import { fetchFiles } from '../../../worker/prepare/fetch.ts';
import { locate } from '../../../worker/prepare/locate.ts';
import type { FetchEvent } from '../../../worker/remote/fetch-tools.ts';
import { chunkBytes } from '../../doubles/http-server.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import {
  someBytes,
  type TestEnvironment,
  temporaryFolder,
  testEnvironment,
  testNetwork,
} from '../../doubles/sources.ts';

const never = new AbortController().signal;
const mebibyte = 1 << 20;
const repository = 'owner/model';

async function fetchAll(environment: TestEnvironment, signal = never): Promise<string> {
  const source = { huggingFace: { repository, revision: 'main' } };
  const facts = { type: 'model', field: 'spec.model.source' } as const;
  const { listing, files } = await locate(source, facts, environment, signal);
  if (files.type !== 'Remote') throw new Error('a hub is remote');
  const target = { store: files.store, version: listing.version };
  return fetchFiles(listing.files, target, environment, signal);
}

test('Files arrive under their paths with the bytes that the hub holds', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(3 * mebibyte + 17);
  hub.add({
    name: repository,
    files: {
      'config.json': '{}',
      'sub dir/ü.txt': 'text',
      'model.safetensors': weights,
      empty: '',
    },
  });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const folder = await fetchAll(environment);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
  t.is(await readFile(join(folder, 'config.json'), 'utf8'), '{}');
  t.is(await readFile(join(folder, 'sub dir/ü.txt'), 'utf8'), 'text');
  t.is((await stat(join(folder, 'empty'))).size, 0);
  t.deepEqual(environment.network.waits, []);
});

test('A file that two commits share is fetched once', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const files = { 'model.safetensors': someBytes(mebibyte), 'README.md': 'one' };
  hub.add({ name: repository, files });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const first = await fetchAll(environment);
  hub.add({ name: repository, files: { ...files, 'README.md': 'two' } });
  const second = await fetchAll(environment);
  t.not(first, second);
  t.is(hub.served('model.safetensors'), mebibyte);
  t.is(await readFile(join(second, 'README.md'), 'utf8'), 'two');
  t.is(await readFile(join(first, 'README.md'), 'utf8'), 'one');
  t.regex(await readlink(join(second, 'model.safetensors')), /blobs/);
});

test('Any sequence of faults ends with the right bytes, and what had arrived is not asked for again', async (t) => {
  const fault = fc.oneof(
    fc.record({
      type: fc.constant('Cut' as const),
      afterBytes: fc.integer({ min: 0, max: 2 * mebibyte }),
    }),
    fc.constant({ type: 'Reset' as const }),
    fc.record({
      type: fc.constant('Status' as const),
      status: fc.constantFrom(408, 429, 500, 502, 503, 504),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 2 * mebibyte }),
      fc.array(fault, { maxLength: 6 }),
      async (bytes, faults) => {
        await using cache = await temporaryFolder();
        await using hub = await HubServer.start();
        const weights = someBytes(bytes, bytes);
        hub.add({ name: repository, files: { 'model.safetensors': weights } });
        for (const each of faults) hub.faults.plan('/model.safetensors', each);
        const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
        const folder = await fetchAll(environment);
        t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
        // What the client holds unread when a connection breaks is lost to it: at most two chunks.
        const cuts = faults.filter(({ type }) => type === 'Cut').length;
        t.true(hub.served('model.safetensors') <= bytes + cuts * 2 * chunkBytes);
        const begins = hub.requests
          .filter(({ url }) => url.includes('/resolve/'))
          .map(({ range }) => Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1]));
        t.deepEqual(
          begins,
          begins.toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 20 },
  );
});

test('A process that is killed in the middle leaves a state from which the next one goes on', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(6 * mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  const { promise: stalled, resolve: reached } = Promise.withResolvers<void>();
  hub.faults.plan('/model.safetensors', { type: 'Stall', afterBytes: 4 * mebibyte, reached });
  const child = start(hub, cache.path);
  let written = 0;
  for await (const event of child.events) {
    if (event.type === 'Bytes') written += event.count;
    // The server holds back the rest, so what is written now is all that will be.
    if (written >= 3 * mebibyte) break;
  }
  await stalled;
  child.process.kill('SIGKILL');
  await once(child.process, 'close');
  const before = hub.served('model.safetensors');

  const next = start(hub, cache.path);
  const events = await all(next.events);
  const began = events.find(({ type }) => type === 'Start');
  t.true(began?.type === 'Start' && began.held >= 3 * mebibyte);
  t.is(hub.served('model.safetensors') - before, weights.length - (began as { held: number }).held);
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const folder = await fetchAll(environment);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
});

test('Two processes that want one file fetch it once', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(2 * mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  const both = [start(hub, cache.path), start(hub, cache.path)];
  const events = await Promise.all(both.map((each) => all(each.events)));
  t.deepEqual(
    both.map((each) => each.process.exitCode),
    [0, 0],
  );
  t.is(hub.served('model.safetensors'), weights.length);
  t.is(events.flat().filter(({ type }) => type === 'Done').length, 1);
});

async function all(stream: AsyncIterable<FetchEvent>): Promise<FetchEvent[]> {
  const events: FetchEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function start(hub: HubServer, cache: string) {
  const script = join(import.meta.dirname, '../../doubles/fetch-process.ts');
  const child = spawn(process.execPath, [script, hub.endpoint, cache, repository], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  return {
    process: child,
    events: (async function* () {
      for await (const line of createInterface(child.stdout)) yield JSON.parse(line) as FetchEvent;
      await closed;
    })(),
  };
}

test('Bytes that are not what the hub stated are fetched once more, then named', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  hub.faults.plan('/model.safetensors', { type: 'Corrupt' });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const folder = await fetchAll(environment);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
  t.is(hub.served('model.safetensors'), 2 * mebibyte);

  await using other = await temporaryFolder();
  hub.faults.plan('/model.safetensors', { type: 'Corrupt' }, 2);
  const again = testEnvironment(other.path, { hubEndpoint: hub.endpoint });
  const error = await t.throwsAsync(fetchAll(again), { instanceOf: TerminalError });
  t.is(error.code, 'E_DIGEST_MISMATCH');
  t.regex(
    error.message,
    /^model\.safetensors arrived twice with other bytes than its stated sha256/,
  );
  t.false(
    (await readdir(other.path, { recursive: true })).some((path) =>
      path.endsWith('/model.safetensors'),
    ),
  );
});

test('A body that falls silent is given up and asked for again from where it stopped', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(2 * mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  const network = testNetwork({ stallMs: 60_000 });
  let bytes = 0;
  const environment = testEnvironment(cache.path, {
    hubEndpoint: hub.endpoint,
    network,
    report: (event) => {
      if (event.type !== 'Bytes') return;
      bytes += event.count;
      // All that the server sends of the first answer has arrived.
      if (bytes === mebibyte) setImmediate(() => network.clock.advance(60_000));
    },
  });
  hub.faults.plan('/model.safetensors', {
    type: 'Stall',
    afterBytes: mebibyte,
    reached: () => undefined,
  });
  const folder = await fetchAll(environment);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
  t.is(bytes, weights.length);
  t.is(hub.served('model.safetensors'), weights.length);
  t.deepEqual(network.waits, [1000]);
});

test('A server that ignores ranges still gives the right bytes', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  hub.faults.plan('/model.safetensors', { type: 'Cut', afterBytes: 300_000 });
  hub.faults.plan('/model.safetensors', { type: 'IgnoreRange' });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const folder = await fetchAll(environment);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
});

test('Retry-After of the server is the wait', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({ name: repository, files: { 'config.json': '{}' } });
  const headers = { 'retry-after': '42' };
  hub.faults.plan('/config.json', { type: 'Status', status: 429, headers });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  await fetchAll(environment);
  t.deepEqual(environment.network.waits, [42_000]);
});

test('An aborted fetch ends at once, keeps what came, and says why it ended', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const weights = someBytes(3 * mebibyte);
  hub.add({ name: repository, files: { 'model.safetensors': weights } });
  const abort = new AbortController();
  const environment = testEnvironment(cache.path, {
    hubEndpoint: hub.endpoint,
    report: ({ type }) => {
      if (type === 'Bytes') abort.abort(new Error('enough'));
    },
  });
  hub.faults.plan('/model.safetensors', {
    type: 'Stall',
    afterBytes: mebibyte,
    reached: () => undefined,
  });
  await t.throwsAsync(fetchAll(environment, abort.signal), { message: 'enough' });
  await fetchAll(environment);
  t.is(hub.served('model.safetensors'), weights.length);
});
