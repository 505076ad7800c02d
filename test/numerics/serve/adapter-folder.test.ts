// Which adapters of a folder are loaded, and when. The server is played by the test.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { AdapterFolder } from '../../../worker/serve/adapter-folder.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

async function aFolder(t: ExecutionContext) {
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const did: string[] = [];
  const server = {
    async addAdapter(name: string) {
      if (name === 'broken') throw new UserError({ code: 'E_INVALID_MODEL', message: 'no LoRA' });
      did.push(`add ${name}`);
    },
    removeAdapter: (name: string) => void did.push(`remove ${name}`),
  };
  const settings = {
    ...{ name: 'base', adaptersIn: folder.path },
    adapters: [{ name: 'named', folder: '/named' }],
    compositions: [{ name: 'both', mode: 'merge' as const, span: 8, parts: [] }],
  };
  return {
    did: () => did.splice(0),
    watched: new AdapterFolder(server, settings),
    /** Both files of an adapter; the tensors may be of any length. */
    async write(name: string, bytes = 10) {
      await mkdir(join(folder.path, name), { recursive: true });
      await writeFile(join(folder.path, name, 'adapter_config.json'), '{}');
      await writeFile(join(folder.path, name, 'adapter_model.safetensors'), 'x'.repeat(bytes));
    },
    remove: (name: string) => rm(join(folder.path, name), { recursive: true }),
  };
}

test('at the start all are loaded as they lie there, and no more until something changes', async (t) => {
  const { watched, write, did } = await aFolder(t);
  await write('first');
  await write('second');
  t.true(await watched.look());
  t.deepEqual(did().toSorted(), ['add first', 'add second']);
  t.false(await watched.look());
  t.deepEqual(did(), []);
});

test('the first adapter of an empty folder is loaded when its files stopped changing', async (t) => {
  const { watched, write, did } = await aFolder(t);
  t.false(await watched.look());
  await write('first', 10);
  t.false(await watched.look(), 'half of it may be there');
  await write('first', 20);
  t.false(await watched.look(), 'and now more');
  t.deepEqual(did(), []);
  t.true(await watched.look());
  t.deepEqual(did(), ['add first']);
});

test('one that changes is loaded again, and one that goes is unloaded, the last one too', async (t) => {
  const { watched, write, remove, did } = await aFolder(t);
  await write('first', 10);
  await watched.look();
  await write('first', 30);
  t.false(await watched.look());
  t.true(await watched.look());
  t.deepEqual(did(), ['add first', 'add first']);
  await remove('first');
  t.true(await watched.look());
  t.deepEqual(did(), ['remove first']);
  await write('second');
  t.false(await watched.look(), 'the folder was empty in between');
  t.true(await watched.look());
  t.deepEqual(did(), ['add second']);
});

test('names that are taken, and what is no adapter, are refused in a sentence', async (t) => {
  const { watched, write, remove, did } = await aFolder(t);
  for (const name of ['base', 'named', 'both', 'broken', 'with space', 'good']) await write(name);
  await watched.look();
  t.deepEqual(did().toSorted(), ['add good', 'remove broken']);
  t.deepEqual(
    watched.refused.map(({ reason }) => reason).toSorted(),
    [
      ...['base', 'both', 'named'].map(
        (name) => `the name ${name} is taken by what the server was started with`,
      ),
      'no LoRA',
      'with space is no name of a model',
    ].toSorted(),
  );
  await remove('broken');
  await watched.look();
  t.is(watched.refused.length, 4);
});
