import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { copyNameText } from '../../../crds/wire/copies.ts';
import {
  beginCopy,
  deliveredCopy,
  endCopy,
  listCopies,
  setDelivered,
} from '../../../worker/checkpoint/copy-folder.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const nameOf = (position: number, round = 1) =>
  copyNameText({ ...{ round, position, step: position, rank: 0, size: 2 } });

test('of a kind two are there at most, the one that is being made included', async (t) => {
  await using root = await temporaryFolder();
  const there = async () =>
    (await listCopies(root.path, 'own')).map(({ name }) => copyNameText(name));
  t.deepEqual(await there(), []);
  let before: string | undefined;
  for (const next of [nameOf(1), nameOf(2), nameOf(3), nameOf(2, 2)]) {
    const partial = await beginCopy(root.path, 'own', next);
    t.deepEqual(await there(), before === undefined ? [] : [before]);
    await writeFile(join(partial, 'shard-0.safetensors'), next);
    await endCopy(partial);
    t.deepEqual(await there(), before === undefined ? [next] : [next, before]);
    before = next;
  }
});

test('one that was never finished makes room for the next', async (t) => {
  await using root = await temporaryFolder();
  await beginCopy(root.path, 'own', nameOf(1));
  await endCopy(await beginCopy(root.path, 'own', nameOf(2)));
  t.deepEqual(
    (await listCopies(root.path, 'own')).map(({ name }) => name.position),
    [2],
  );
});

test('what was delivered last is remembered, nothing at first', async (t) => {
  await using root = await temporaryFolder();
  t.is(await deliveredCopy(root.path), '');
  await setDelivered(root.path, nameOf(1));
  await setDelivered(root.path, nameOf(2));
  t.is(await deliveredCopy(root.path), nameOf(2));
});
