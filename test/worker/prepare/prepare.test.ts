import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { storeFiles } from '../../../worker/data/store-manifest.ts';
import type { TokenStore } from '../../../worker/data/token-store.ts';
import type { DataFile, PrepareProgress } from '../../../worker/prepare/build-store.ts';
import {
  type DatasetInput,
  type PrepareTools,
  prepareDataset,
} from '../../../worker/prepare/prepare.ts';
import { chatTemplates } from '../../builders/chat-templates.ts';
import { encoderTokenizer } from '../../builders/encoder-tokenizers.ts';
import { goldenTokenizer } from '../../builders/tokenizers.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const { definition, tokenizer } = goldenTokenizer('smollm');
const chatml = { ...definition, chatTemplate: chatTemplates.chatml.source };

async function desk(files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = await temporaryFolder();
  const listed: DataFile[] = [];
  for (const [path, content] of Object.entries(files)) {
    const absolute = join(folder.path, path);
    const bytes = Buffer.from(content as string);
    await writeFile(absolute, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    listed.push({ path, absolute, bytes: bytes.length, sha256 });
  }
  const stores = join(folder.path, 'stores');
  const warnings: string[] = [];
  const progress: PrepareProgress[] = [];
  const tools: PrepareTools = {
    folder: stores,
    threads: 1,
    clock: systemClock,
    onProgress: (given) => progress.push(structuredClone(given)),
    onWarning: (sentence) => warnings.push(sentence),
  };
  const prepare = (
    more: Partial<DatasetInput> = {},
    moreTools: Partial<PrepareTools> = {},
    signal: AbortSignal = never,
  ) =>
    prepareDataset(
      {
        files: listed,
        format: 'Auto',
        tokenizer: chatml,
        date: new Date(0),
        sequenceLength: 1000,
        invalidSamplePolicy: 'Skip',
        ...more,
      },
      { ...tools, ...moreTools },
      signal,
    );
  return {
    stores,
    warnings,
    progress,
    prepare,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function textsOf(store: TokenStore): string[] {
  return Array.from({ length: store.count }, (_, document) => {
    const ids = new Int32Array(store.lengthOf(document));
    store.copyTo(document, ids, new Uint8Array(ids.length), 0);
    return tokenizer.decode(ids);
  });
}

const lines = (records: readonly unknown[]) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');
const texts = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ text: `text ${from + index}` }));
const talk = (question: string, answer: string) => ({
  conversations: [
    { from: 'human', value: question },
    { from: 'gpt', value: answer },
  ],
});

test('Files are read by name, records in order, and every document knows its line', async (t) => {
  await using here = await desk({
    'b.jsonl': lines(texts(3, 3)),
    'a.jsonl': `\n${lines(texts(3))}`,
  });
  using store = await here.prepare();
  t.deepEqual(
    textsOf(store),
    texts(6).map(({ text }) => `${text}<|im_end|>`),
  );
  t.deepEqual([0, 1, 2, 3, 4, 5].map(store.lineOf), [2, 3, 4, 1, 2, 3]);
  t.deepEqual(
    store.manifest.files.map(({ path, firstDocument }) => [path, firstDocument]),
    [
      ['a.jsonl', 0],
      ['b.jsonl', 3],
    ],
  );
  t.is(here.progress.at(-1)?.records, 6);
  t.is(here.progress.at(-1)?.bytes, here.progress.at(-1)?.totalBytes);
});

test('The same inputs open the same store without reading the data again', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(texts(5)) });
  using one = await here.prepare();
  const built = here.progress.length;
  using two = await here.prepare();
  t.is(two.folder, one.folder);
  t.is(here.progress.length, built);
  t.deepEqual(await readdir(here.stores), [one.digest]);
});

test('Whatever decides a token gives another store, and what decides none does not', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(texts(5)) });
  const digestWith = async (more: Partial<DatasetInput>) => {
    using store = await here.prepare(more);
    return store.digest;
  };
  const base = await digestWith({});
  t.is(await digestWith({ date: new Date(86_400_000) }), base);
  t.is(await digestWith({ invalidSamplePolicy: 'Fail' }), base);
  const { eos: _, ...endless } = chatml;
  const others = [
    await digestWith({ sequenceLength: 999 }),
    await digestWith({ overlength: 'Truncate' }),
    await digestWith({ maxSamples: 4 }),
    await digestWith({ format: 'Text' }),
    await digestWith({ tokenizer: endless }),
    await digestWith({ chatTemplate: chatTemplates.llama31.source }),
    await digestWith({ chatTemplate: chatTemplates.llama31.source, date: new Date(86_400_000) }),
    await digestWith({ chatTemplateArguments: { mood: 'kind' } }),
  ];
  t.is(new Set([base, ...others]).size, others.length + 1);
});

test('The bytes of a store do not depend on the number of threads', async (t) => {
  // More than four megabytes, below which one thread does it all; most of it is read and not
  // tokenised.
  const records = Array.from({ length: 400 }, (_, index) => ({
    ...talk(
      `Question ${index}`,
      `Answer ${index} `.repeat(index % 97 === 0 ? 700 : 1 + (index % 7)),
    ),
    unused: 'x'.repeat(11_000),
  }));
  await using here = await desk({ 'a.jsonl': lines(records) });
  const contents = [];
  for (const threads of [1, 2, 3]) {
    const folder = join(here.stores, `${threads}`);
    using store = await here.prepare(
      { sequenceLength: 600, overlength: 'Truncate' },
      { folder, threads },
    );
    contents.push(store.manifest);
  }
  t.deepEqual(contents[1], contents[0]);
  t.deepEqual(contents[2], contents[0]);
  t.is(contents[0]?.samples, 400);
});

test('maxSamples takes the first usable records and reads no further', async (t) => {
  const records = [{ text: '' }, ...texts(2000), { broken: true }];
  await using here = await desk({ 'a.jsonl': lines(records) });
  using store = await here.prepare({ maxSamples: 3 });
  t.deepEqual(
    textsOf(store),
    ['text 0', 'text 1', 'text 2'].map((text) => `${text}<|im_end|>`),
  );
  t.is(store.manifest.samples, 3);
  t.is(here.progress.at(-1)?.records, 4);
});

test('A conversation file that is cut off gives its complete records and says that it is cut off', async (t) => {
  const records = Array.from({ length: 200 }, (_, index) =>
    talk(`Question ${index}`, `Answer ${index}`),
  );
  const whole = JSON.stringify(records, null, 2);
  await using here = await desk({ 'a.json': whole.slice(0, -100) });
  using store = await here.prepare();
  t.is(store.manifest.samples, 199);
  t.deepEqual(store.manifest.skipped, { Invalid: 1, NoTargets: 0, TooLong: 0 });
  t.regex(store.manifest.problems[0]?.reason ?? '', /is truncated/);
});

test('The first documents are kept as text that is learned and text that is not', async (t) => {
  await using here = await desk({ 'a.jsonl': lines([talk('Hi', 'Hello')]) });
  using store = await here.prepare();
  t.deepEqual(store.manifest.examples, [
    [
      {
        text: '<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
        isTarget: false,
      },
      { text: 'Hello<|im_end|>', isTarget: true },
      { text: '\n', isTarget: false },
    ],
  ]);
});

const sentiments = [
  { text: 'a good film', label: 1 },
  { text: 'a bad film', label: 'negative' },
  { text: 'good', label: 1 },
  ...Array.from({ length: 200 }, () => ({ text: 'bad', label: 0 })),
  { text: 'a film', label: -1 },
];
const encoder = {
  tokenizer: encoderTokenizer().definition,
  format: 'TextClassification',
  labels: ['negative', 'positive', 'neutral'],
} as const;

test('Texts with a class are stored with it, counted, and shown with its name', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(sentiments) });
  using store = await here.prepare(encoder);
  const { manifest } = store;
  t.is(manifest.objective, 'Class');
  t.deepEqual(manifest.classes, [201, 2, 0]);
  t.deepEqual([0, 1, 2].map(store.classOf ?? (() => -1)), [1, 0, 1]);
  t.is(manifest.targetTokens, manifest.samples);
  t.deepEqual(manifest.examples[0], [
    { text: '[CLS] a good film [SEP]', isTarget: false },
    { text: 'positive', isTarget: true },
  ]);
  t.deepEqual(
    manifest.problems.map(({ line, reason }) => [line, reason]),
    [[204, 'has the label -1; spec.dataset.labels names 3 classes: negative, positive, neutral']],
  );
});

test('Other names of classes are other data', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(sentiments) });
  using one = await here.prepare(encoder);
  using two = await here.prepare({ ...encoder, labels: ['negative', 'positive'] });
  t.not(one.digest, two.digest);
});

test('Classes do not depend on the number of threads', async (t) => {
  const many = Array.from({ length: 60_000 }, (_, n) => ({
    ...{ sentence1: 'a good film '.repeat(1 + (n % 7)), sentence2: 'bad', label: n % 2 },
  }));
  await using here = await desk({ 'a.jsonl': lines(many) });
  using one = await here.prepare({ ...encoder, maxSamples: 59_999 });
  using all = await here.prepare(encoder, { threads: 2 });
  t.deepEqual(all.manifest.classes, [30_000, 30_000, 0]);
  const marks = [one, all].map((store) => {
    const found = new Uint8Array(store.lengthOf(50_001));
    store.copyTo(50_001, new Int32Array(found.length), found, 0);
    return [store.classOf?.(50_001), [...found]];
  });
  t.deepEqual(marks[0], marks[1]);
  t.is(marks[0]?.[0], 1);
});

test('Skipped records are counted by reason, with file, line and reason of the first', async (t) => {
  const records = [...texts(300), { text: 3 }, { text: '' }];
  await using here = await desk({ 'a.jsonl': `${lines(records)}{"text": "cut` });
  using store = await here.prepare();
  t.deepEqual(store.manifest.skipped, { Invalid: 2, NoTargets: 1, TooLong: 0 });
  t.deepEqual(
    store.manifest.problems.map(({ file, line }) => `${file}:${line}`),
    ['a.jsonl:301', 'a.jsonl:303'],
  );
});

const fails = test.macro({
  title: (given = '') => given,
  async exec(t, content: string, more: Partial<DatasetInput>, message: RegExp, path: string) {
    await using here = await desk({ 'a.jsonl': content });
    const error = await t.throwsAsync(() => here.prepare(more), { instanceOf: UserError });
    t.is(error.code, 'E_INVALID_DATA');
    t.regex(error.message, message);
    t.is(error.path, path);
    const left = await readdir(here.stores);
    t.false(
      left.some((name) => name.endsWith('.partial') || name.endsWith('.lock')),
      left.join(),
    );
  },
});
const policy = 'spec.dataset.invalidSamplePolicy';
test(
  'More than 1 % that cannot be used end the job',
  fails,
  lines([...texts(98), { text: 1 }, { text: 2 }]),
  {},
  /^2 of 100 records cannot be used \(2\.0 %\), .*the first: a\.jsonl:99 is not of the shape text/,
  policy,
);
test(
  'With Fail the first one ends it',
  fails,
  lines([...texts(500), { text: 1 }]),
  { invalidSamplePolicy: 'Fail' },
  /^a\.jsonl:501 is not of the shape text.*; invalidSamplePolicy is Fail/,
  policy,
);
test(
  'With overlength Fail the first long one ends it',
  fails,
  lines([...texts(3), { text: 'word '.repeat(99) }]),
  { sequenceLength: 20, overlength: 'Fail' },
  /^a\.jsonl:4 has \d+ tokens; spec\.dataset\.sequenceLength is 20; overlength is Fail/,
  'spec.dataset.overlength',
);
test(
  'Records that all have nothing to learn',
  fails,
  lines([{ conversations: [] }]),
  {},
  /^none of 1 records can be trained on: 1 have no target tokens$/,
  'spec.dataset.train',
);
test(
  'Chats whose answers are all empty',
  fails,
  lines([talk('a', ''), talk('b', ' '), { ...talk('c', '') }]),
  {},
  /^the answers of all 3 records are empty; a model trained on them learns to answer nothing$/,
  'spec.dataset.train',
);
test(
  'Completions that are all empty',
  fails,
  lines([{ prompt: 'a', completion: '' }]),
  {},
  /^the answers of all 1 records are empty/,
  'spec.dataset.train',
);
test('some empty answers are learned from, and told as often as the data is opened', async (t) => {
  const records = [talk('a', ''), talk('b', 'yes'), talk('c', 'no')];
  await using at = await desk({ 'a.jsonl': lines(records) });
  for (let time = 1; time <= 2; time += 1) {
    using store = await at.prepare();
    t.is(store.count, 3);
    t.is(store.manifest.silentSamples, 1);
    t.is(at.warnings.length, time);
    t.regex(at.warnings.at(-1)!, /^1 of 3 records have only empty answers/);
  }
});
test('No records', fails, '\n', {}, /^no record can be read from a\.jsonl/, 'spec.dataset.train');
test(
  'Nothing but a damaged line',
  fails,
  '{',
  {},
  /^no record can be read from a\.jsonl: a\.jsonl:1 is not JSON: .*; a\.jsonl holds JSON that is damaged or cut off$/,
  'spec.dataset.train',
);
test(
  'Conversations for a model without a template',
  fails,
  lines([talk('a', 'b')]),
  { tokenizer: definition },
  /the model has no chat template/,
  'spec.dataset.chatTemplate',
);
test(
  'Preferences',
  fails,
  lines([{ chosen: 'a', rejected: 'b' }]),
  {},
  /no training objective uses them yet/,
  'spec.dataset.format',
);

test('A policy that became stricter refuses a store that is there', async (t) => {
  await using here = await desk({ 'a.jsonl': lines([...texts(500), { text: 1 }]) });
  using _ = await here.prepare();
  await t.throwsAsync(() => here.prepare({ invalidSamplePolicy: 'Fail' }), {
    message: /a\.jsonl:501/,
  });
});

test('A damaged store is made again, with a warning', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(texts(5)) });
  let path = '';
  let before = Buffer.alloc(0);
  {
    using store = await here.prepare();
    path = join(store.folder, storeFiles.tokens);
    before = await readFile(path);
  }
  await writeFile(path, Buffer.alloc(before.length));
  using again = await here.prepare();
  t.is(again.count, 5);
  t.deepEqual(await readFile(path), before);
  t.deepEqual(here.warnings, [
    'the prepared data is damaged (tokens-000.bin does not have its digest); it is prepared again',
  ]);
});

test('An abort leaves no half store, and the next run makes a whole one', async (t) => {
  const unused = 'x'.repeat(2000);
  const records = Array.from({ length: 3000 }, () => ({ ...talk('Question', 'Answer'), unused }));
  await using here = await desk({ 'a.jsonl': lines(records) });
  for (const threads of [1, 2]) {
    const abort = new AbortController();
    const stop = { threads, onProgress: () => abort.abort(new Error('enough')) };
    const more = { overlength: 'Truncate', sequenceLength: 30 + threads } as const;
    await t.throwsAsync(() => here.prepare(more, stop, abort.signal), { message: 'enough' });
    t.deepEqual(await readdir(here.stores), []);
  }
  using store = await here.prepare({ overlength: 'Truncate', maxSamples: 10 });
  t.is(store.count, 10);
});

test('Two preparations of the same data at once make one store', async (t) => {
  await using here = await desk({ 'a.jsonl': lines(texts(200)) });
  const stores = await Promise.all([here.prepare(), here.prepare(), here.prepare()]);
  t.is(new Set(stores.map((store) => store.folder)).size, 1);
  for (const store of stores) store[Symbol.dispose]();
  t.is((await readdir(here.stores)).length, 1);
});

test('Arguments of the template are texts in a job and values in a template', async (t) => {
  await using here = await desk({ 'a.jsonl': lines([talk('a', 'b')]) });
  const chatTemplate = `{{ word }}{{ flag is true }}{{ count + 1 }}${chatTemplates.chatml.source}`;
  using store = await here.prepare({
    chatTemplate,
    chatTemplateArguments: { word: '007x', flag: 'true', count: '41' },
  });
  t.regex(textsOf(store)[0] ?? '', /^007x(T|t)rue42<\|im_start\|>/);
});

test('A template that does not come to an end is named, with the record that it was at', async (t) => {
  await using here = await desk({ 'a.jsonl': lines([talk('Hi', 'Ho'), talk('Hi', 'loop')]) });
  const forever = '{% for a in range(60000) %}{% for b in range(60000) %}{% endfor %}{% endfor %}';
  const chatTemplate = `${chatTemplates.chatml.source}{% if messages[1]['content'] == 'loop' %}${forever}{% endif %}`;
  const timeLimits = { batchMs: 100, characterMs: 0 };
  const error = await t.throwsAsync(here.prepare({ chatTemplate }, { timeLimits }), {
    instanceOf: UserError,
    code: 'E_INVALID_TOKENIZER',
  });
  t.is(
    error?.message,
    "the model's tokenizer or chat template did not finish a.jsonl:2 within 0.1 s; a pattern or loop in it does not terminate",
  );
  t.deepEqual(
    (await readdir(here.stores)).filter((name) => !name.endsWith('.lock')),
    [],
  );
});
