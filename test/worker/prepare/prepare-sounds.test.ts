// Files of sounds → a store, and what a sequence of them has.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { DataSource } from '../../../crds/api/dataset.ts';
import { systemClock } from '../../../crds/clock.ts';
import { logMel } from '../../../worker/data/audio/log-mel.ts';
import { decodeWav } from '../../../worker/data/audio/wav.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import type { TokenStore } from '../../../worker/data/token-store.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import { resolveSounds } from '../../../worker/prepare/resolve-sounds.ts';
import { soundRules } from '../../../worker/prepare/sound-rules.ts';
import { readWhisperConfig } from '../../../worker/whisper/config.ts';
import { aSpec } from '../../builders/job.ts';
import { wavOf } from '../../builders/wav.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';
import { toyTokenizer } from '../../toy/tokenizer.ts';
import { toySound } from '../../toy/toy-sounds.ts';

const never = new AbortController().signal;
const english = ['<|endoftext|>', '<|startoftranscript|>', '<|notimestamps|>'];
const all = [...english, '<|en|>', '<|transcribe|>'];

interface Given {
  readonly special?: readonly string[];
  readonly sizes?: Readonly<Record<string, number>>;
  readonly dataset?: Readonly<Record<string, unknown>>;
}

async function desk(
  files: Readonly<Record<string, string | Uint8Array>>,
  { special = english, sizes = {}, dataset = {} }: Given = {},
) {
  const folder = await temporaryFolder();
  const write = async (path: string, content: string | Uint8Array) => {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), content);
  };
  for (const [path, content] of Object.entries(files)) await write(`data/${path}`, content);
  await write('model/tokenizer.json', JSON.stringify(toyTokenizer(400, special)));
  const json = {
    model_type: 'whisper',
    vocab_size: 400,
    num_mel_bins: 5,
    max_source_positions: 50,
  };
  const headers = {
    path: join(folder.path, 'model'),
    config: readWhisperConfig({ ...json, ...sizes }),
  };
  const environment = testEnvironment(join(folder.path, 'cache'), { jobFolder: folder.path });
  const spec = aSpec({ 'model.task': 'SpeechToText', 'dataset.sequenceLength': 24, ...dataset });
  const prepare = async (source: Partial<DataSource> = {}, threads = 1) => {
    const from = { local: { path: 'data' }, ...source } as DataSource;
    const found = await resolveSounds(from, 'spec.dataset.train', environment, never);
    const rules = await soundRules(spec, headers);
    return prepareDataset(
      {
        ...{ files: found.files, invalidSamplePolicy: spec.dataset.invalidSamplePolicy },
        sounds: { ...rules, boundary: found.boundary },
      },
      {
        ...{ folder: join(folder.path, 'stores'), threads, clock: systemClock },
        ...{ onProgress: () => {}, onWarning: () => {} },
      },
      never,
    );
  };
  return { prepare, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const lines = (records: readonly unknown[]) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
const featuresOf = (wav: Uint8Array, frames = 100) => [...logMel(decodeWav(wav), 5, frames).values];

function contentOf(store: TokenStore) {
  return Array.from({ length: store.count }, (_, document) => {
    const { values, ids, labels } = fillSequence(store, [document], 0);
    const { values: mel = [], shape = [] } = values?.['mel'] ?? {};
    return { ids: [...ids], labels: [...labels], mel: [...mel], shape };
  });
}

const sounds = { 'sounds/a.wav': toySound(0, 1), 'sounds/b.WAV': toySound(2, 2) };
const records = [
  { audio: 'sounds/a.wav', text: 'low' },
  { audio: './sounds/b.WAV', text: ' high ' },
];

test('JSON lines that name WAV files become tokens and features', async (t) => {
  await using here = await desk({ ...sounds, 'metadata.jsonl': lines(records) });
  using store = await here.prepare();
  const [low, high] = contentOf(store);
  const label = low?.labels.slice(1, -1) ?? [];
  // Start, no times; a space and the text, of which each byte is a token or more; end.
  t.deepEqual(low?.ids, [1, 2, ...label.slice(0, -1), 0]);
  t.deepEqual(low?.labels, [-100, ...label, -100]);
  t.is(label.at(-1), 0, 'the end is learned');
  t.deepEqual(low?.shape, [5, 100]);
  t.deepEqual(low?.mel, featuresOf(sounds['sounds/a.wav']));
  t.deepEqual(high?.mel, featuresOf(sounds['sounds/b.WAV']));
  const { manifest } = store;
  t.deepEqual([manifest.objective, manifest.samples], ['NextToken', 2]);
  t.is(manifest.examples[0]?.[1]?.text, ' low<|endoftext|>');
  using again = await here.prepare({}, 2);
  t.is(again.manifest.digest, manifest.digest);
});

test('parquet files have sounds in them', async (t) => {
  const columnData = [
    { name: 'audio', data: [sounds['sounds/a.wav'], sounds['sounds/b.WAV']], type: 'BYTE_ARRAY' },
    { name: 'text', data: ['low', 'high'], type: 'STRING' },
  ] as const;
  const bytes = parquetWriteBuffer({ columnData: columnData.map((one) => ({ ...one })) as never });
  await using here = await desk({ 'train.parquet': new Uint8Array(bytes) });
  await using named = await desk({ ...sounds, 'metadata.jsonl': lines(records) });
  using store = await here.prepare();
  using other = await named.prepare();
  t.deepEqual(contentOf(store), contentOf(other));
});

test('models for several languages are told English, and that it is written down', async (t) => {
  const sizes = { vocab_size: 51_865 };
  const given = { special: all, sizes };
  await using here = await desk({ ...sounds, 'metadata.jsonl': lines(records) }, given);
  using store = await here.prepare();
  t.deepEqual(contentOf(store)[0]?.ids.slice(0, 4), [1, 3, 4, 2]);
  await using without = await desk({ ...sounds, 'metadata.jsonl': lines(records) }, { sizes });
  await t.throwsAsync(without.prepare(), { message: /tokenizer.json has no added token <\|en\|>/ });
});

const wrong: Readonly<Record<string, readonly [Uint8Array | string, object, RegExp]>> = {
  'another rate': [
    wavOf([1, 2, 3], { rate: 8000 }),
    {},
    /sounds\/x\.wav is WAV of 8000 samples a second; 16000 are read/,
  ],
  'two channels': [wavOf([1, 2], { channels: 2 }), {}, /x\.wav is WAV of 2 channels; one channel/],
  'no WAV': ['fLaC and more', {}, /x\.wav is no WAV file by its first bytes/],
  'no file': [wavOf([1]), { audio: 'y.wav' }, /names the sound "y\.wav", which the data set does/],
  'a way out': [wavOf([1]), { audio: '../y.wav' }, /a sound is named by its path from the folder/],
  'nothing said': [wavOf([1]), { text: '' }, /has an empty text; what is said is learned/],
};

for (const [name, [sound, record, message]] of Object.entries(wrong)) {
  test(`an unusable sound is told in a sentence: ${name}`, async (t) => {
    const line = lines([{ audio: 'sounds/x.wav', text: 'low', ...record }]);
    await using here = await desk({ 'sounds/x.wav': sound, 'data.jsonl': line });
    await t.throwsAsync(here.prepare(), { message });
  });
}

test('sounds and texts that are too long are left out, counted and told', async (t) => {
  const long = { audio: 'sounds/long.wav', text: 'low' };
  const wordy = { audio: 'sounds/a.wav', text: 'low again and again and again' };
  const files = {
    ...{ ...sounds, 'sounds/long.wav': wavOf(new Array<number>(16_001).fill(9)) },
    'metadata.jsonl': lines([...records, long, wordy]),
  };
  await using here = await desk(files);
  using store = await here.prepare();
  t.deepEqual([store.manifest.samples, store.manifest.skipped.TooLong], [2, 2]);
  t.regex(
    store.manifest.problems[0]?.reason ?? '',
    /^lasts 1\.00 s; the longest sound is of 1 s, by spec\.dataset\.audioSeconds/,
  );
  t.regex(store.manifest.problems[1]?.reason ?? '', /tokens; spec\.dataset\.sequenceLength is 24/);
  await using failing = await desk(files, { dataset: { 'dataset.overlength': 'Fail' } });
  await t.throwsAsync(failing.prepare(), { message: /lasts 1\.00 s/ });
});

test('a window makes sounds shorter than what the model hears at once', async (t) => {
  const files = { ...sounds, 'metadata.jsonl': lines(records) };
  const given = {
    sizes: { max_source_positions: 1500 },
    dataset: { 'dataset.audioSeconds': 2 },
  };
  await using here = await desk(files, given);
  using store = await here.prepare();
  const [low] = contentOf(store);
  t.deepEqual(low?.shape, [5, 200]);
  t.deepEqual(low?.mel, featuresOf(sounds['sounds/a.wav'], 200));
});

test('a folder of WAV files alone is refused: nobody says what is said', async (t) => {
  await using here = await desk(sounds);
  await t.throwsAsync(here.prepare(), {
    message: /has no \.jsonl, \.json, \.parquet or \.txt file/,
  });
  await using texts = await desk({ ...sounds, 'a.txt': 'low' });
  await t.throwsAsync(texts.prepare(), { message: /has a\.txt; sounds are read from records/ });
});
