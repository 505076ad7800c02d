import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { sourcesHere } from '../../../cli/init/sources-here.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

test('models and data of a folder are offered before what npm start has fetched; other files are not', async (t) => {
  await using folder = await temporaryFolder();
  const cache = join(folder.path, 'cache');
  await mkdir(join(cache, 'volumes/demo/model'), { recursive: true });
  await writeFile(join(cache, 'volumes/demo/sharegpt.json'), '[]');
  await mkdir(join(folder.path, 'llama'));
  await writeFile(join(folder.path, 'llama/config.json'), '{}');
  for (const name of ['a.gguf', 'chats.jsonl', 'package.json', 'tsconfig.build.json', 'x.md'])
    await writeFile(join(folder.path, name), '');
  const { models, data } = await sourcesHere(folder.path, cache);
  t.deepEqual(
    models.map(({ id }) => id).toSorted(),
    ['./a.gguf', './llama', 'claim:demo/model'].toSorted(),
  );
  t.is(models.at(-1)?.id, 'claim:demo/model');
  t.deepEqual(
    data.map(({ id }) => id),
    ['./chats.jsonl', 'claim:demo/sharegpt.json'],
  );
});

test('a folder that cannot be read has nothing', async (t) => {
  t.deepEqual(await sourcesHere('no-such-folder', 'no-such-cache'), { models: [], data: [] });
});
