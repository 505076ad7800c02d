import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { beginCheckpoint } from '../../../worker/checkpoint/folder.ts';
import { storedSaves } from '../../../worker/checkpoint/stored-save.ts';
import { aManifest } from '../../builders/checkpoint.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

test('checkpoints are listed oldest first, without one that is damaged', async (t) => {
  await using root = await temporaryFolder();
  for (const step of [9, 3, 6]) {
    await using writer = await beginCheckpoint(root.path, step);
    await writeFile(join(writer.folder, 'shard-0.safetensors'), 'tensors');
    await writer.commit(aManifest('tensors', { step }));
  }
  const steps = async () => (await storedSaves(root.path)).map(({ step }) => step);
  t.deepEqual(await steps(), [3, 6, 9]);
  await rm(join(root.path, 'step-00000003/manifest.json'));
  t.deepEqual(await steps(), [6, 9]);
  await writeFile(join(root.path, 'step-00000006/manifest.json'), '{');
  t.deepEqual(await steps(), [9]);
});
