// The adapters that a list names: loaded, exchanged and unloaded as the file changes.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { AdapterFolder } from '../../../worker/serve/adapter-folder.ts';
import type { BucketAdapters } from '../../../worker/serve/bucket-adapters.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

async function watched(t: ExecutionContext) {
  const { path, ...folder } = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const served = new Map<string, string>();
  const places = new Map<string, string>();
  /** What is there of adapters in buckets, by their names. */
  const buckets = new Map<string, ReturnType<BucketAdapters['at']>>();
  const settled: string[] = [];
  const refuses = new Set<string>();
  const adapterList = join(path, 'list.json');
  const settings = { name: 'base', adapters: [], compositions: [], adapterList };
  const looking = new AdapterFolder(
    {
      async addAdapter(name, from, place = from) {
        if (refuses.has(name)) throw new UserError({ code: 'E_USAGE', message: `${name} is bad` });
        served.set(name, from.slice(path.length + 1));
        places.set(name, place);
      },
      removeAdapter: (name) => void served.delete(name),
    },
    settings,
    { at: (name) => buckets.get(name), settled: async () => void settled.push('settled') },
  );
  return {
    ...{ served, refuses, places, buckets, settled, path },
    look: () => looking.look(),
    refused: () => looking.refused.map(({ name, reason }) => [name, reason.replaceAll(path, '.')]),
    async make(name: string, content = 'x') {
      await mkdir(join(path, name), { recursive: true });
      await writeFile(join(path, name, 'adapter_config.json'), content);
      await writeFile(join(path, name, 'adapter_model.safetensors'), content);
    },
    /** As kubelet does: another file takes the place. */
    async list(adapters: Readonly<Record<string, string>> | string) {
      const entries = (of: object) =>
        Object.entries(of).map(([name, at]) =>
          at.startsWith('s3://') ? { name, s3: { uri: at } } : { name, folder: join(path, at) },
        );
      const text =
        typeof adapters === 'string' ? adapters : JSON.stringify({ adapters: entries(adapters) });
      await writeFile(`${adapterList}.new`, text);
      await rename(`${adapterList}.new`, adapterList);
    },
  };
}

test('what is listed at the start is served at once', async (t) => {
  const { make, list, look, served } = await watched(t);
  await make('one');
  await list({ first: 'one' });
  t.true(await look());
  t.deepEqual([...served], [['first', 'one']]);
  t.false(await look());
});

test('an adapter in a bucket is served once it is fetched, under the place that the list says', async (t) => {
  const { make, list, look, served, places, buckets, refused, settled, path } = await watched(t);
  await make('fetched');
  await list({ far: 's3://results/far' });
  t.false(await look());
  t.deepEqual(settled, ['settled'], 'a server that begins waits for it');
  t.deepEqual([...served], []);
  buckets.set('far', { type: 'Here', folder: join(path, 'fetched') });
  t.true(await look());
  t.is(served.get('far'), 'fetched');
  t.is(places.get('far'), 's3://results/far');
  t.false(await look());
  // Another place: what was served stays until it is here, and goes where it cannot be had.
  await list({ far: 's3://results/gone' });
  buckets.set('far', undefined);
  t.false(await look());
  t.true(served.has('far'));
  buckets.set('far', { type: 'Failed', reason: 'there is nothing at s3://results/gone', atMs: 0 });
  await look();
  t.true((await look()) || refused().length > 0);
  t.false(served.has('far'));
  t.deepEqual(refused(), [['far', 'there is nothing at s3://results/gone']]);
});

test('adapters come, change their folder and go with the list', async (t) => {
  const { make, list, look, served } = await watched(t);
  for (const name of ['one', 'two']) await make(name);
  await list({ first: 'one' });
  await look();
  await list({ first: 'one', second: 'two' });
  t.false(await look(), 'its files may still be written');
  t.true(await look());
  t.deepEqual(
    [...served],
    [
      ['first', 'one'],
      ['second', 'two'],
    ],
  );
  await list({ first: 'two' });
  await look();
  await look();
  t.deepEqual([...served], [['first', 'two']]);
});

test('one whose files are not there is refused, and served when they are', async (t) => {
  const { make, list, look, served, refused } = await watched(t);
  await list({ first: 'one' });
  t.true(await look());
  t.deepEqual(refused(), [
    ['first', './one does not have adapter_config.json and adapter_model.safetensors'],
  ]);
  await make('one');
  await look();
  await look();
  t.deepEqual([refused(), [...served.keys()]], [[], ['first']]);
});

test('one that is refused keeps no other from being served', async (t) => {
  const { make, list, look, served, refuses, refused } = await watched(t);
  await make('one');
  refuses.add('bad');
  await list({ bad: 'one', good: 'one', base: 'one' });
  await look();
  t.deepEqual([...served.keys()], ['good']);
  t.deepEqual(refused(), [
    ['bad', 'bad is bad'],
    ['base', 'the name base is taken by what the server was started with'],
  ]);
});

test('a list that cannot be read changes nothing that is served, and is said', async (t) => {
  const { make, list, look, served, refused } = await watched(t);
  await make('one');
  await list({ first: 'one' });
  await look();
  const wrong = ['{"adapters": 3}', '{"adapters": [{"name": "../x", "folder": "a"}]}', '[['];
  for (const text of wrong) {
    await list(text);
    await look();
    t.deepEqual([...served.keys()], ['first']);
    t.regex(refused()[0]?.[1] ?? '', /^\.\/list\.json/);
  }
  await list({});
  t.true(await look());
  t.deepEqual([[...served.keys()], refused()], [[], []]);
});
