import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import {
  destinationFolder,
  replaceFolder,
  requireApart,
  requireWritable,
} from '../../../worker/remote/destination.ts';
import { aSpec } from '../../builders/job.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

function aRecord(destination: unknown, changes: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ version: 1, name: 'first', namespace: 'default', folder: '/jobs', digest: 'a' },
    spec: aSpec({ 'output.destination': destination }),
    ...{ volumes: {}, cache: '/cache', device: 'cpu', threads: 1, createdAt: 'now' },
    ...changes,
  };
}

test('results go where the job says, counted from the job file or the volume', (t) => {
  const claim = { persistentVolumeClaim: { claimName: 'notes', path: 'out/first' } };
  const volumes = { notes: '/mounted' };
  t.is(destinationFolder(aRecord({ local: { path: 'out' } }), '/run'), '/jobs/out');
  t.is(destinationFolder(aRecord({ local: { path: '/elsewhere' } }), '/run'), '/elsewhere');
  t.is(destinationFolder(aRecord(claim, { volumes }), '/run'), '/mounted/out/first');
  t.is(destinationFolder(aRecord(claim), '/run'), '/cache/volumes/notes/out/first');
});

test('a job that names no place leaves its results in its run', (t) => {
  const spec = aSpec({ output: { pushToHub: { repository: 'owner/name' } } });
  const run = { ...aRecord({ local: { path: 'out' } }), spec };
  t.is(destinationFolder(run, '/run'), '/run/artifacts');
});

test('what goes to a bucket is written into the run first', (t) => {
  const record = aRecord({ s3: { uri: 's3://results/first' } });
  t.is(destinationFolder(record, '/run'), '/run/artifacts');
});

const put = (text: string) => (folder: string) => writeFile(join(folder, 'file'), text);
const read = (folder: string) => readFile(join(folder, 'file'), 'utf8');

test('a folder takes its place when it is whole, and the one before goes', async (t) => {
  await using root = await temporaryFolder();
  const folder = join(root.path, 'deep/adapter');
  const made = await replaceFolder(folder, async (partial) => {
    await put('first')(partial);
    return 'what the writer says';
  });
  t.is(made, 'what the writer says');
  await writeFile(join(folder, 'left-over'), 'of the first');
  await replaceFolder(folder, async (partial) => {
    t.is(await read(folder), 'first', 'the old result stays until the new one is whole');
    await put('second')(partial);
  });
  t.is(await read(folder), 'second');
  t.deepEqual(await readdir(folder), ['file']);
  t.deepEqual(await readdir(join(root.path, 'deep')), ['adapter']);
});

test('a result that fails leaves the old one and no trace', async (t) => {
  await using root = await temporaryFolder();
  const folder = join(root.path, 'adapter');
  await replaceFolder(folder, put('first'));
  const failing = replaceFolder(folder, async (partial) => {
    await put('half')(partial);
    throw new Error('the check did not pass');
  });
  await t.throwsAsync(failing, { message: 'the check did not pass' });
  t.is(await read(folder), 'first');
  t.deepEqual(await readdir(root.path), ['adapter']);
});

test('what a kill left at any moment does not stand in the way', async (t) => {
  const moments: readonly (readonly string[])[] = [
    ['adapter.partial'],
    ['adapter', 'adapter.partial'],
    ['adapter', 'adapter.partial', 'adapter.previous'],
    // Between the two renames: the new one is whole and has not got its name.
    ['adapter.previous', 'adapter.partial'],
    ['adapter', 'adapter.previous'],
  ];
  for (const names of moments) {
    await using root = await temporaryFolder();
    for (const name of names) {
      await mkdir(join(root.path, name));
      await put(name)(join(root.path, name));
      await writeFile(join(root.path, name, 'left-over'), '');
    }
    await replaceFolder(join(root.path, 'adapter'), put('new'));
    t.deepEqual(await readdir(root.path), ['adapter'], names.join());
    t.deepEqual(await readdir(join(root.path, 'adapter')), ['file'], names.join());
    t.is(await read(join(root.path, 'adapter')), 'new');
  }
});

test('a place that cannot be written is found out before anything is trained, and a good one is left as it was', async (t) => {
  await using folder = await temporaryFolder();
  const place = join(folder.path, 'a/b');
  await requireWritable(place);
  t.deepEqual(await readdir(place), []);
  const file = join(folder.path, 'file');
  await writeFile(file, '');
  await t.throwsAsync(requireWritable(join(file, 'below')), {
    code: 'E_PUBLISH_FAILED',
    message: `results cannot be written to ${join(file, 'below')}: a part of its path is a file`,
  });
  await t.throwsAsync(requireWritable(file), { message: /: a file has that name$/ });
});

test('a destination that is the folder of the model is refused, also by way of a link', async (t) => {
  await using root = await temporaryFolder();
  const model = join(root.path, 'model');
  await mkdir(join(root.path, 'out/merged'), { recursive: true });
  await mkdir(model);
  const link = join(root.path, 'link');
  await symlink(model, link);
  for (const [to, from] of [
    [model, model],
    [link, model],
    [model, link],
    [join(root.path, 'out'), join(root.path, 'out/merged')],
  ] as const) {
    const error = await t.throwsAsync(() => requireApart(to, from), { code: 'E_PUBLISH_FAILED' });
    t.regex(error?.message ?? '', /^results would be put into .*, and the model is /);
  }
  await t.notThrowsAsync(() => requireApart(join(root.path, 'out'), model));
});
