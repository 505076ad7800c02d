// JSON lines and JSON arrays in chunks of any size, and what is made of the records: shape, sample.
// The first byte of an input chooses the reader, the second the size of the chunks.
import { posix } from 'node:path';
import { detectShape } from '../../../worker/data/detect.ts';
import { toSample } from '../../../worker/data/formats.ts';
import { readJsonArray } from '../../../worker/data/json-array.ts';
import { readJsonLines } from '../../../worker/data/jsonl.ts';
import { isProblem, type Reading } from '../../../worker/data/reading.ts';
import type { Sample } from '../../../worker/data/sample.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { pathInDataset } from '../../../worker/prepare/picture-index.ts';
import { nests } from '../nests.ts';
import { isAllowed, type Target } from '../target.ts';

const records = [
  {
    messages: [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: [{ type: 'text', text: 'b', train: false }] },
    ],
    tools: [],
  },
  {
    conversations: [
      { from: 'human', value: 'a' },
      { from: 'gpt', value: 'b' },
    ],
  },
  { instruction: 'a', input: 'b', output: 'c', history: [['d', 'e']], system: 'f' },
  { prompt: 'a', completion: 'b' },
  { prompt: [{ role: 'user', content: 'a' }], chosen: 'b', rejected: 'c' },
  { segments: [{ label: true, text: 'a' }] },
  { input_ids: [1, 2], labels: [-100, 2] },
  { text: 'a\ud800b' },
  { premise: 'a', hypothesis: 'b', label: 1 },
  { sentence: 'a', label: 'c' },
  { image: 'a/b.png', label: 1 },
  { img: { bytes: null, path: '../c.jpg' }, label: 'c' },
];

export const target: Target = {
  seeds: records.flatMap((record) => [
    `L~${JSON.stringify(record)}\r\n\n${JSON.stringify(record)}`,
    `A~[${JSON.stringify(record)},\n${JSON.stringify(record)}]`,
  ]),
  words: [
    ...nests,
    ...records.flatMap((record) => Object.keys(record)).map((key) => `"${key}"`),
    ...['role', 'content', 'from', 'value', 'label', 'mask', 'tool_calls', 'train'].map(
      (key) => `"${key}"`,
    ),
    ...[
      '"assistant"',
      '"system"',
      '"tool"',
      '"function_call"',
      '[',
      ']',
      '{',
      '}',
      ',',
      '\n',
      '\\',
      '"',
      'null',
      '[]',
    ],
  ],
  async run(bytes) {
    const read = bytes[0] === 0x41 ? readJsonArray : readJsonLines;
    const values: unknown[] = [];
    for await (const reading of read(inChunks(bytes.subarray(2), 1 + (bytes[1] ?? 0)), 4096)) {
      check(reading);
      if (!isProblem(reading)) values.push(reading.value);
    }
    if (values.length === 0) return;
    for (const format of ['Auto', 'TextClassification', 'ImageClassification', 'Audio'] as const) {
      convert(() => {
        const shape = detectShape(values, format);
        for (const value of values) convert(() => inside(toSample(shape, value, true)));
      });
    }
  },
};

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

function check(reading: Reading): void {
  if (reading.line < 1 || !Number.isInteger(reading.line))
    throw new Error('a record without a line');
}

/** A path that a record names never leads out of the data set. */
function inside(sample: Sample): void {
  const file = sample.type === 'Audio' ? sample.sound : 'picture' in sample && sample.picture;
  if (file === false || file.type !== 'Named') return;
  const path = pathInDataset(file.path, 'train/records.jsonl', 'picture');
  if (!posix.normalize(path).startsWith('train/')) throw new Error(`${path} leads out`);
}

/** One bad record is data, not the end. */
function convert(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof UnusableRecord) && !isAllowed(error)) throw error;
  }
}
