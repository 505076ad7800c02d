// 200 MB of what costs a parser most, under every name that is read whole: an answer within two
// seconds of a processor and 300 MB.
import { execFile } from 'node:child_process';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { jsonLimits } from '../../../crds/text/json.ts';
import type { Answer } from '../../doubles/read-hostile.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const script = join(import.meta.dirname, '../../doubles/read-hostile.ts');
const megabytes = 200;

interface Case {
  readonly reader: string;
  /** The hostile one; the others that the reader wants are small. */
  readonly file: string;
  readonly others?: Readonly<Record<string, string>>;
  /** As many bytes as are still read, or beyond that. */
  readonly bytes: number;
  readonly answer: RegExp;
}

const tooLarge = (file: string): RegExp =>
  new RegExp(`${file}:? (it )?has 200000000 bytes; at most \\d+ are read`);
const tooDeep = (file: string): RegExp =>
  new RegExp(`${file}:? (it )?nests deeper than \\d+ levels`);
const beyond = megabytes * 1e6;

const index = 'model.safetensors.index.json';
const inFolder = { 'config.json': '{}', 'model.safetensors': '' };
const cases: readonly Case[] = [
  ...[beyond, jsonLimits.tokenizer.bytes].map((bytes) => ({
    ...{ reader: 'tokenizer', file: 'tokenizer.json', bytes },
    answer: bytes === beyond ? tooLarge('tokenizer.json') : tooDeep('tokenizer.json'),
  })),
  {
    ...{ reader: 'tokenizer', file: 'tokenizer_config.json', bytes: beyond },
    others: { 'tokenizer.json': '{}' },
    answer: tooLarge('tokenizer_config.json'),
  },
  {
    ...{ reader: 'tokenizer', file: 'chat_template.jinja', bytes: beyond },
    others: { 'tokenizer.json': '{}' },
    answer: tooLarge('chat_template.jinja'),
  },
  ...[beyond, jsonLimits.safetensorsIndex.bytes].map((bytes) => ({
    ...{ reader: 'model', file: index, others: inFolder, bytes },
    answer: bytes === beyond ? tooLarge(index) : tooDeep(index),
  })),
  ...[beyond, jsonLimits.checkpointManifest.bytes].map((bytes) => ({
    ...{ reader: 'checkpoint', file: 'manifest.json', bytes },
    answer: bytes === beyond ? tooLarge('manifest.json') : tooDeep('manifest.json'),
  })),
  ...[beyond, jsonLimits.runRecord.bytes].map((bytes) => ({
    ...{ reader: 'run', file: 'run.json', bytes },
    answer: bytes === beyond ? tooLarge('run.json') : tooDeep('run.json'),
  })),
];

for (const { reader, file, others = {}, bytes, answer } of cases) {
  test.serial(
    `${Math.floor(bytes / 1e6)} MB of brackets as ${file} are refused at once`,
    async (t) => {
      await using folder = await temporaryFolder();
      for (const [name, text] of Object.entries(others)) {
        await writeFile(join(folder.path, name), text);
      }
      await (bytes === beyond ? leaveEmpty : fill)(join(folder.path, file), bytes, '[');
      await expectQuick(t, reader, folder.path, answer);
    },
  );
}

for (const [what, piece] of [
  ['nested lists', '['],
  ['nested objects', '{"a":'],
  ['empty lists', '[],'],
] as const) {
  test.serial(
    `a line of 64 MiB of ${what} is a problem with its line, and so is one of 200 MB`,
    async (t) => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, 'records.jsonl');
      const start = what === 'empty lists' ? '[' : '';
      await fill(path, jsonLimits.record.bytes, piece, start);
      const problem = /^a record (nests deeper than 128 levels|has more than 4000000 values)$/;
      await expectQuick(t, 'records', path, problem);
      await leaveEmpty(path, beyond);
      await expectQuick(t, 'records', path, /^a record is longer than \d+ bytes$/);
    },
  );
}

test.serial(
  'a safetensors header of 100 MB of brackets or of empty tensors is refused at once',
  async (t) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'model.safetensors');
    const { bytes } = jsonLimits.safetensorsHeader;
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes));
    for (const piece of ['[', '{},']) {
      await fill(path, bytes + 8, piece, Buffer.concat([length, Buffer.from('{"a":[')]));
      const answer = /its header (nests deeper than 4 levels|has more than 4000000 values)$/;
      await expectQuick(t, 'safetensors', path, answer);
    }
  },
);

test.serial('a GGUF whose metadata is one list after the other is refused at once', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'model.gguf');
  const count = 3_000_000;
  const list = Buffer.alloc(8 + 4 + 4 + 4 + 8 + count);
  const pairs = Math.floor(beyond / list.length);
  const head = Buffer.alloc(24);
  head.write('GGUF');
  head.writeUInt32LE(3, 4);
  head.writeBigUInt64LE(BigInt(pairs), 16);
  await using file = await open(path, 'w');
  await file.write(head);
  for (let pair = 0; pair < pairs; pair += 1) {
    list.writeBigUInt64LE(4n, 0);
    list.write(String(1000 + pair), 8);
    // A list of bytes.
    list.writeUInt32LE(9, 12);
    list.writeUInt32LE(0, 16);
    list.writeBigUInt64LE(BigInt(count), 20);
    await file.write(list);
  }
  await expectQuick(t, 'gguf', path, /its lists have more than 4000000 elements/);
});

async function expectQuick(
  t: {
    regex(text: string, pattern: RegExp): unknown;
    true(value: boolean, message: string): unknown;
  },
  reader: string,
  path: string,
  message: RegExp,
): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, reader, path]);
  const answer = JSON.parse(stdout) as Answer;
  t.regex(answer.message, message);
  t.true(answer.seconds < 2, `${answer.seconds} s`);
  t.true(answer.peakBytes < 300e6, `${answer.peakBytes} bytes`);
}

/** A file of holes: its size is enough to be refused by. */
async function leaveEmpty(path: string, bytes: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, bytes);
}

/** As many bytes, of `start` and then of `piece` again and again. */
async function fill(
  path: string,
  bytes: number,
  piece: string,
  start: string | Buffer = '',
): Promise<void> {
  await using file = await open(path, 'w');
  const first = Buffer.from(start);
  await file.write(first);
  const block = Buffer.from(piece.repeat(Math.ceil(2 ** 20 / piece.length)));
  for (let left = bytes - first.length; left > 0; left -= block.length) {
    await file.write(block.subarray(0, Math.min(left, block.length)));
  }
}
