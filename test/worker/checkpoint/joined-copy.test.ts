import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { copyNameText } from '../../../crds/wire/copies.ts';
import { allCopies, beginCopy, endCopy } from '../../../worker/checkpoint/copy-folder.ts';
import { verifyCheckpoint } from '../../../worker/checkpoint/folder.ts';
import { beginJoined, joinParts, removeJoined } from '../../../worker/checkpoint/joined-copy.ts';
import { aManifest, sha256 } from '../../builders/checkpoint.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const nameOf = (step: number, rank: number) =>
  copyNameText({ ...{ round: 1, position: step, step, rank, size: 3 } });

/** Each rank has a third of six values. */
async function writePart(folder: string, rank: number): Promise<void> {
  const content = `values of rank ${rank}`;
  const file = `shard-${rank}.safetensors`;
  await writeFile(join(folder, file), content);
  const manifest = aManifest('', {
    files: [{ name: file, bytes: content.length, sha256: sha256(content) }],
    tensors: [{ name: 'w', file, start: [2 * rank], shape: [2], whole: [2, 3] }],
  });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

test('parts of all ranks become one checkpoint, and what is of no use goes', async (t) => {
  await using root = await temporaryFolder();
  for (const [kind, step, rank] of [
    ['own', 7, 0],
    ['own', 8, 0],
    ['kept', 7, 1],
    ['kept', 8, 1],
  ] as const) {
    const partial = await beginCopy(root.path, kind, nameOf(step, rank));
    await writePart(partial, rank);
    await endCopy(partial);
  }
  const joined = await beginJoined(root.path, [root.path], ({ name }) => name.step === 8);
  const here = await allCopies(root.path);
  t.deepEqual(here.map(({ name }) => copyNameText(name)).sort(), [nameOf(8, 0), nameOf(8, 1)]);
  const fetched = join(joined, nameOf(8, 2));
  await mkdir(fetched);
  await writePart(fetched, 2);
  await joinParts(joined, [...here.map(({ folder }) => folder), fetched]);
  const { files, tensors, state } = await verifyCheckpoint(joined);
  t.is(files.length, 3);
  t.deepEqual(tensors.map(({ start }) => start[0]).sort(), [0, 2, 4]);
  t.deepEqual(state, { step: 3 });
  t.is(await readFile(join(joined, 'shard-2.safetensors'), 'utf8'), 'values of rank 2');
  const [own] = here;
  const [a, b] = await Promise.all(
    [own?.folder ?? '', joined].map((folder) => stat(join(folder, 'shard-0.safetensors'))),
  );
  t.is(a?.ino, b?.ino, 'a file that is here takes no room twice');
  await removeJoined(root.path);
  t.deepEqual((await readdir(root.path)).sort(), ['kept', 'own']);
  t.is((await allCopies(root.path)).length, 2, 'parts stay for whoever has not read them yet');
});
