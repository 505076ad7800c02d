import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { parse } from 'yaml';
import { initText, writeNew } from '../../../cli/init/job-file.ts';
import { preferences } from '../../../cli/init/manifest-text.ts';
import { parseJob } from '../../../crds/manifest/manifest.ts';

const places = [
  'owner/model',
  './data/chats.jsonl',
  's3://bucket/prefix',
  'claim:notes/train.jsonl',
];

const usual = { goal: 'chat', gpuMemory: undefined, prefer: 'speed' } as const;

test('places of every sort with every preference are jobs that parse', (t) => {
  for (const [index, model] of places.entries()) {
    const data = places[(index + 1) % places.length]!;
    for (const prefer of preferences) {
      for (const [gpuMemory, goal] of [
        [undefined, 'chat'],
        [24 * 2 ** 30, 'text'],
        [undefined, 'try'],
        [undefined, 'pictures'],
      ] as const) {
        const { job } = parseJob(initText({ goal, model, data, gpuMemory, prefer }), 'job.yaml');
        t.is(job.spec.worker.devicesPerWorker, gpuMemory === undefined ? 0 : 1);
      }
    }
  }
});

test('places with strange characters stay what they were', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 }), (name) => {
      const path = `./${name}`;
      const text = initText({ ...usual, model: path, data: path });
      t.is(parseJob(text, 'job.yaml').job.spec.model.source.local?.path, path);
    }),
    { numRuns: 30 },
  );
  t.pass();
});

test('names and places that YAML could take for something else stay what they were', (t) => {
  for (const word of ['0e0', 'on', 'No', 'true', 'null', '1_000', '0x1f', '12', '1.5', 'y']) {
    const text = initText({ ...usual, model: `./${word}`, data: `claim:demo/${word}` });
    for (const version of ['1.1', '1.2'] as const) {
      const { metadata, spec } = parse(text, { version });
      t.is(typeof metadata.name, 'string', `${word}: ${text}`);
      t.is(spec.dataset.train.persistentVolumeClaim.path, word);
    }
  }
});

test('a place is a repository, a bucket, a claim or a path by how it is written', (t) => {
  const sourceOf = (model: string) =>
    parseJob(initText({ ...usual, model, data: 'a/b', prefer: 'size' }), 'job').job.spec.model
      .source;
  t.is(sourceOf('owner/name').huggingFace?.repository, 'owner/name');
  t.is(sourceOf('s3://bucket/prefix').s3?.uri, 's3://bucket/prefix');
  t.like(sourceOf('claim:demo/model').persistentVolumeClaim, { claimName: 'demo', path: 'model' });
  t.is(sourceOf('/models/small').local?.path, '/models/small');
  t.is(sourceOf('model.gguf').local?.path, 'model.gguf');
});

test('the file as it is written for little memory', (t) => {
  t.snapshot(
    initText({
      goal: 'chat',
      model: 'owner/Model-1B',
      data: './chats.jsonl',
      gpuMemory: undefined,
      prefer: 'memory',
    }),
  );
});

test('a small model is a file for llama.cpp, made by what the data does to it', (t) => {
  const text = initText({ ...usual, model: 'owner/m', data: './d.jsonl', prefer: 'size' });
  const { output } = parseJob(text, 'job').job.spec;
  t.deepEqual(output.formats, ['GGUF']);
  t.deepEqual(output.gguf, { type: 'Q4_K', calibrationSequences: 32 });
});

test('a file that is there is not overwritten', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-init-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'job.yaml');
  await writeNew(file, 'one');
  await t.throwsAsync(writeNew(file, 'two'), {
    code: 'E_CONFLICT',
    message: `${file} exists already`,
  });
  t.is(await readFile(file, 'utf8'), 'one');
  await t.throwsAsync(writeNew(join(folder, 'none/job.yaml'), 'two'), { code: 'E_NOT_FOUND' });
});

test('folders of pictures name the classes of a job, and two stand for them elsewhere', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'anneal-init-'));
  t.teardown(() => rm(data, { recursive: true, force: true }));
  for (const file of ['cat/1.png', 'a: dog/2.JPG', 'notes/a.txt']) {
    await mkdir(dirname(join(data, file)));
    await writeFile(join(data, file), '');
  }
  const labelsOf = (place: string) => {
    const text = initText({
      ...usual,
      goal: 'pictures',
      model: 'facebook/dinov2-small',
      data: place,
    });
    const { model, dataset } = parseJob(text, 'job.yaml').job.spec;
    t.deepEqual([model.task, dataset.sequenceLength], ['ImageClassification', undefined]);
    return dataset.labels;
  };
  t.deepEqual(labelsOf(data), ['a: dog', 'cat']);
  t.deepEqual(labelsOf('owner/pictures'), ['first', 'second']);
});
