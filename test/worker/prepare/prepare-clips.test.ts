// Folders of frames → a store of clips, and what a sequence of them has.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../../crds/index.ts';
import { jobDocuments } from '../../../worker/data/job-documents.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import { patchesOfBox } from '../../../worker/data/tracked/box.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import { resolveClips } from '../../../worker/prepare/resolve-clips.ts';
import { colourPng } from '../../builders/pictures.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';
import { makeClips } from '../../toy/toy-clips.ts';

const never = new AbortController().signal;
const rules = {
  ...{ template: 8, search: 16, patch: 4 },
  preprocessing: { channels: 3, resize: null, crop: null, scale: 1 / 255, normalize: null },
} as const;

async function desk(clips = 3) {
  const folder = await temporaryFolder();
  await makeClips(join(folder.path, 'data'), clips);
  const environment = testEnvironment(join(folder.path, 'cache'), { jobFolder: folder.path });
  const resolve = () =>
    resolveClips({ local: { path: 'data' } }, 'spec.dataset.train', environment, never);
  const prepare = async () => {
    const { files, boundary } = await resolve();
    return prepareDataset(
      { files, pictures: { ...rules, boundary }, invalidSamplePolicy: 'Skip' },
      {
        ...{ folder: join(folder.path, 'stores'), threads: 1, clock: systemClock },
        ...{ onProgress: () => undefined, onWarning: () => undefined },
      },
      never,
    );
  };
  return { data: join(folder.path, 'data'), resolve, prepare, ...folder };
}

const job = {
  dataset: { tracking: { template: 8, search: 16, maxGap: 2 } },
  training: { seed: 3 },
} as FineTuneJobSpec;

test('a clip is one document, whose targets are the patches that the object touches', async (t) => {
  await using own = await desk();
  using store = await own.prepare();
  const { documents, tokens, targetTokens, objective, examples } = store.manifest;
  t.deepEqual(
    { documents, tokens, targetTokens, objective },
    {
      ...{ documents: 3, tokens: 3 * 20, targetTokens: 3 * 16, objective: 'Box' },
    },
  );
  t.deepEqual(examples[0], [{ text: '5 frames of 30 x 24 pixels', isTarget: true }]);
  const all = jobDocuments(job, store, false);
  const sequence = fillSequence(all, [2, 0], 7);
  const values = (name: string) => [...(sequence.values?.[name]?.values ?? [])];
  t.is(values('template').length, 2 * 3 * 8 * 8);
  t.is(values('search').length, 2 * 3 * 16 * 16);
  t.is(Math.max(...values('template')), 1, 'the square is white');
  // The middle half of a template: two of two patches on each axis.
  t.deepEqual(values('object'), new Array(8).fill(1));
  const boxes = values('box');
  const targets = [0, 1].flatMap((document) => {
    const [left = 0, top = 0, right = 0, bottom = 0] = boxes.slice(4 * document);
    const patches = patchesOfBox([left, top, right, bottom], 4);
    return patches.map((patch) => document * 20 + 4 + patch);
  });
  const labelled = [...sequence.labels.entries()].filter(([, label]) => label === 0);
  t.deepEqual(
    labelled.map(([row]) => row).toSorted((a, b) => a - b),
    targets,
  );
  t.is(sequence.targetCount, targets.length);
  const counted = [2, 0].reduce((sum, document) => sum + all.targetTokensOf(document, 7), 0);
  t.is(counted, targets.length, 'the loader counts what a sequence has');
});

test('pairs are others at each reading, and held-out clips keep theirs', async (t) => {
  await using own = await desk();
  using store = await own.prepare();
  const boxOf = (isHeldOut: boolean, key: number) => [
    ...(fillSequence(jobDocuments(job, store, isHeldOut), [0], key).values?.['box']?.values ?? []),
  ];
  t.deepEqual(boxOf(false, 1), boxOf(false, 1));
  t.notDeepEqual(boxOf(false, 1), boxOf(false, 2));
  t.deepEqual(boxOf(true, 1), boxOf(true, 2));
});

test('clips that cannot be read are refused in a sentence each', async (t) => {
  const cases: Record<string, (data: string) => Promise<void>> = {
    'clip-1 has 5 frames and 2 boxes; each frame needs a line': (data) =>
      writeFile(join(data, 'clip-1/groundtruth.txt'), '1,1,5,5\n2,2,5,5\n'),
    'clip-1 shows the object in 1 frames; two are needed': (data) =>
      writeFile(join(data, 'clip-1/groundtruth.txt'), `1,1,5,5\n${'0,0,0,0\n'.repeat(4)}`),
    'clip-1 has frames of 30 x 24 pixels, but clip-1/3.png is 4 x 4': (data) =>
      writeFile(join(data, 'clip-1/3.png'), colourPng(1)),
    'clip-1 is neither PNG nor JPEG': (data) => writeFile(join(data, 'clip-1/2.png'), 'x'),
  };
  for (const [sentence, damage] of Object.entries(cases)) {
    await using own = await desk();
    await damage(own.data);
    await t.throwsAsync(own.prepare(), {
      instanceOf: UserError,
      message: new RegExp(sentence.replaceAll('.', '\\.')),
    });
  }
});

test('a source without boxes or frames is refused before anything is read', async (t) => {
  await using own = await desk(1);
  await rm(join(own.data, 'clip-0/groundtruth.txt'));
  await t.throwsAsync(own.resolve(), { instanceOf: UserError, message: /has no groundtruth\.txt/ });
  await writeFile(join(own.data, 'groundtruth.txt'), '1,1,1,1\n');
  await t.throwsAsync(own.resolve(), {
    instanceOf: UserError,
    message: /has groundtruth\.txt, but no \.png or \.jpg file beside it or in img/,
  });
});
