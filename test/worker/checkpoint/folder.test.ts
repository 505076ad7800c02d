import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {
  beginCheckpoint,
  expired,
  listCheckpoints,
  quarantine,
  removeCheckpoint,
  removePartial,
  verifyCheckpoint,
} from '../../../worker/checkpoint/folder.ts';
import { aManifest, sha256 } from '../../builders/checkpoint.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const content = 'some tensors';
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A whole checkpoint of this step. */
async function write(root: string, step: number, text = content) {
  await using writer = await beginCheckpoint(root, step);
  await writeFile(join(writer.folder, 'shard-0.safetensors'), text);
  return await writer.commit(aManifest(text, { step }));
}

test('a checkpoint is seen when it is whole, and under its step', async (t) => {
  await using root = await temporaryFolder();
  await using writer = await beginCheckpoint(root.path, 7);
  await writeFile(join(writer.folder, 'shard-0.safetensors'), content);
  t.deepEqual(await listCheckpoints(root.path), []);
  const written = await writer.commit(aManifest(content, { step: 7 }));
  t.is(written.folder, join(root.path, 'step-00000007'));
  t.deepEqual(await listCheckpoints(root.path), [{ step: 7, folder: written.folder }]);
  const manifest = await verifyCheckpoint(written.folder);
  t.is(manifest.step, 7);
  const text = await readFile(join(written.folder, 'manifest.json'), 'utf8');
  t.is(written.bytes, content.length + text.length);
});

test('a save that is not committed leaves nothing', async (t) => {
  await using root = await temporaryFolder();
  {
    await using writer = await beginCheckpoint(root.path, 7);
    await writeFile(join(writer.folder, 'shard-0.safetensors'), content);
  }
  t.deepEqual(await readdir(root.path), []);
});

test('what a killed save left is removed, and nothing else', async (t) => {
  await using root = await temporaryFolder();
  await write(root.path, 3);
  await mkdir(join(root.path, 'step-00000004.partial'));
  await writeFile(join(root.path, 'step-00000004.partial/shard-0.safetensors'), 'half');
  await mkdir(join(root.path, 'step-00000002.damaged'));
  t.is((await listCheckpoints(root.path)).length, 1);
  await removePartial(root.path);
  t.deepEqual((await readdir(root.path)).sort(), ['step-00000002.damaged', 'step-00000003']);
  await removePartial(join(root.path, 'nowhere'));
});

test('nobody sees a checkpoint that is half removed, and a removal that was killed goes on', async (t) => {
  await using root = await temporaryFolder();
  const { folder } = await write(root.path, 3);
  const others = Array.from({ length: 500 }, (_, i) => join(folder, `shard-${i + 1}.safetensors`));
  for (const other of others) await writeFile(other, content);
  const manifest = join(folder, 'manifest.json');
  let isOver = false;
  const removed = removeCheckpoint(folder).finally(() => {
    isOver = true;
  });
  let looks = 0;
  while (!isOver) {
    looks += 1;
    const isHalf = existsSync(folder) && !existsSync(manifest) && existsSync(folder);
    t.false(isHalf, 'it lies under its name without its manifest');
    if (isHalf) break;
    await turn();
  }
  await removed;
  t.true(looks > 0);
  t.deepEqual(await readdir(root.path), []);
  await mkdir(join(root.path, 'step-00000004.gone'));
  await removePartial(root.path);
  t.deepEqual(await readdir(root.path), []);
});

test('a new save of the same step begins with nothing of the old one, and takes its place', async (t) => {
  await using root = await temporaryFolder();
  await mkdir(join(root.path, 'step-00000003.partial'));
  await writeFile(join(root.path, 'step-00000003.partial/left-over'), 'half');
  await write(root.path, 3, 'first');
  const { folder } = await write(root.path, 3, 'second');
  t.deepEqual((await readdir(folder)).sort(), ['manifest.json', 'shard-0.safetensors']);
  t.is((await verifyCheckpoint(folder)).files[0]?.sha256, sha256('second'));
});

test('checkpoints are listed newest first, by number and not by name', async (t) => {
  await using root = await temporaryFolder();
  for (const step of [99, 100_000_000, 3]) await write(root.path, step);
  await writeFile(join(root.path, 'step-5'), 'no folder of ours');
  const steps = (await listCheckpoints(root.path)).map(({ step }) => step);
  t.deepEqual(steps, [100_000_000, 99, 3]);
  t.deepEqual(await listCheckpoints(join(root.path, 'nowhere')), []);
});

const damages: Readonly<Record<string, readonly [(folder: string) => Promise<unknown>, RegExp]>> = {
  'without its manifest': [
    (folder) => rm(join(folder, 'manifest.json')),
    /manifest\.json is missing$/,
  ],
  'without a file': [
    (folder) => rm(join(folder, 'shard-0.safetensors')),
    /shard-0\.safetensors is missing$/,
  ],
  'with a file that is cut off': [
    (folder) => truncate(join(folder, 'shard-0.safetensors'), 4),
    /shard-0\.safetensors has 4 bytes; its manifest says 12$/,
  ],
  'with other bytes': [
    (folder) => writeFile(join(folder, 'shard-0.safetensors'), 'some tensorS'),
    /shard-0\.safetensors does not have the SHA-256 of its manifest$/,
  ],
  'with a torn manifest': [
    (folder) => truncate(join(folder, 'manifest.json'), 50),
    /manifest\.json is not JSON: .*; the file was cut off or overwritten$/,
  ],
  'with a manifest beyond all measure': [
    (folder) => truncate(join(folder, 'manifest.json'), 65 * 2 ** 20),
    /manifest\.json has \d+ bytes; at most \d+ are read$/,
  ],
};

for (const [what, [spoil, message]] of Object.entries(damages)) {
  test(`a checkpoint ${what} is not whole, and says why`, async (t) => {
    await using root = await temporaryFolder();
    const { folder } = await write(root.path, 3);
    await t.notThrowsAsync(verifyCheckpoint(folder));
    await spoil(folder);
    await t.throwsAsync(verifyCheckpoint(folder), { code: 'E_CHECKPOINT_CORRUPTED', message });
  });
}

test('a copy that lacks any of its bytes is not whole', async (t) => {
  await using root = await temporaryFolder();
  const { folder } = await write(root.path, 3);
  for (const name of ['manifest.json', 'shard-0.safetensors']) {
    const { length } = await readFile(join(folder, name));
    // The line end of the manifest says nothing.
    for (let end = 0; end < length - (name === 'manifest.json' ? 1 : 0); end += 1) {
      const copy = join(root.path, `${name}-${end}`);
      await cp(folder, copy, { recursive: true });
      await truncate(join(copy, name), end);
      await t.throwsAsync(verifyCheckpoint(copy), { code: 'E_CHECKPOINT_CORRUPTED' });
    }
  }
});

test('what is damaged is set aside under a new name each time, and kept', async (t) => {
  await using root = await temporaryFolder();
  const aside: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    aside.push(await quarantine(await write(root.path, 3, `round ${round}`)));
  }
  const damaged = join(root.path, 'step-00000003.damaged');
  t.deepEqual(aside, [damaged, `${damaged}-1`, `${damaged}-2`]);
  t.deepEqual(await listCheckpoints(root.path), []);
  t.is(await readFile(join(`${damaged}-1`, 'shard-0.safetensors'), 'utf8'), 'round 1');
});

test('retention keeps the newest, the named and the multiples, whatever the order', (t) => {
  const steps = fc.uniqueArray(fc.nat(200), { maxLength: 30 });
  const retention = fc.record({
    latest: fc.integer({ min: 1, max: 10 }),
    keep: fc.array(fc.nat(200), { maxLength: 5 }).map((kept) => new Set(kept)),
    everySteps: fc.option(fc.integer({ min: 1, max: 50 })),
  });
  const property = fc.property(steps, retention, (list, rule) => {
    const stored = list.map((step) => ({ step, folder: `step-${step}` }));
    const gone = new Set(expired(stored, rule).map(({ step }) => step));
    const newest = list.toSorted((a, b) => b - a).slice(0, rule.latest);
    for (const step of list) {
      const isMultiple = rule.everySteps !== null && step % rule.everySteps === 0;
      const kept = newest.includes(step) || rule.keep.has(step) || isMultiple;
      t.is(gone.has(step), !kept, `${step}`);
    }
  });
  t.notThrows(() => fc.assert(property));
});
