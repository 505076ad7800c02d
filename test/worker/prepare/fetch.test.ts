import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { fetchFiles } from '../../../worker/prepare/fetch.ts';
import { locate } from '../../../worker/prepare/locate.ts';
import { chunkBytes } from '../../doubles/http-server.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import {
  someBytes,
  type TestEnvironment,
  temporaryFolder,
  testEnvironment,
} from '../../doubles/sources.ts';

const never = new AbortController().signal;
const mebibyte = 1 << 20;
const repository = 'owner/model';

async function fetchAll(environment: TestEnvironment): Promise<string> {
  const source = { huggingFace: { repository, revision: 'main' } };
  const facts = { type: 'model', field: 'spec.model.source' } as const;
  const { listing, files } = await locate(source, facts, environment, never);
  if (files.type !== 'Away') throw new Error('a hub is away');
  const target = { store: files.store, version: listing.version };
  return fetchFiles(listing.files, target, environment, never);
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
      afterBytes: fc.integer({ min: 0, max: 3 * mebibyte }),
    }),
    fc.constant({ type: 'Reset' as const }),
    fc.record({
      type: fc.constant('Status' as const),
      status: fc.constantFrom(408, 429, 500, 502, 503, 504),
    }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 3 * mebibyte }),
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
    { numRuns: 25 },
  );
});
