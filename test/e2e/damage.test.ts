// Checkpoints that are not whole any more, and a disk that is full: the next older checkpoint is
// used, people are told in words, and nothing half written is taken for a whole thing.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { emptyDisk, fillDisk, smallDisk } from '../doubles/small-disk.ts';
import { type ToyJob, writeToyJob } from '../toy/toy-job.ts';
import { checkpointsIn, resultOf, type Session, session } from './killed-run.ts';

async function aFolder(t: ExecutionContext): Promise<string> {
  t.timeout(600_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-damage-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function aToyJob(folder: string): Promise<ToyJob> {
  return writeToyJob(folder, {
    name: 'damaged',
    method: { preset: 'Full', precision: { type: 'Float32' } },
    training: { learningRate: '1e-3', maxSteps: 30 },
    checkpoint: { intervalSteps: 2, retain: { latest: 20 } },
  });
}

const warningsOf = ({ lines }: Session): readonly string[] =>
  lines.flatMap((line) => (line.type === 'warning' ? [line.message] : []));

interface Damage {
  readonly what: string;
  /** Spoils the checkpoint in this folder. */
  readonly spoil: (folder: string) => void;
  /** What people read, between the file and what is done about it. */
  readonly words: RegExp;
}

const shard = 'shard-0.safetensors';

const damages: readonly Damage[] = [
  {
    what: 'a file that is cut off',
    spoil: (folder) => truncateSync(join(folder, shard), 1000),
    words: /shard-0\.safetensors has 1000 bytes; its manifest says \d+/,
  },
  {
    what: 'one bit that is another',
    spoil: (folder) => {
      const bytes = readFileSync(join(folder, shard));
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5);
      writeFileSync(join(folder, shard), bytes);
    },
    words: /shard-0\.safetensors does not have the SHA-256 of its manifest/,
  },
  {
    what: 'no manifest',
    spoil: (folder) => rmSync(join(folder, 'manifest.json')),
    words: /manifest\.json is missing/,
  },
  {
    what: 'a manifest that is cut off',
    spoil: (folder) => truncateSync(join(folder, 'manifest.json'), 200),
    words: /manifest\.json is not JSON: .*; the file was cut off or overwritten/,
  },
  {
    what: 'no tensors',
    spoil: (folder) => rmSync(join(folder, shard)),
    words: /shard-0\.safetensors is missing/,
  },
  {
    what: 'bytes after the end',
    spoil: (folder) => appendFileSync(join(folder, shard), 'more'),
    words: /shard-0\.safetensors has \d+ bytes; its manifest says \d+/,
  },
  {
    what: 'a state of another version',
    spoil: (folder) => {
      const path = join(folder, 'manifest.json');
      const manifest = JSON.parse(readFileSync(path, 'utf8'));
      writeFileSync(path, JSON.stringify({ ...manifest, state: { step: 'three' } }));
    },
    words: /step-\d+ has no trainer state of this version: step is missing or of another type/,
  },
];

test('damaged checkpoints are set aside in words, the one before is used, and the end has the same bits', async (t) => {
  const folder = await aFolder(t);
  const job = await aToyJob(folder);
  const whole = await session(job, join(folder, 'undisturbed'), null);
  const expected = resultOf(job, whole.folder);
  const cache = join(folder, 'cache');
  let ended = await session(job, cache, { at: 'step', count: 19, ms: 0 });
  const newest = checkpointsIn(ended.folder).whole.at(-1) ?? 0;
  t.true(newest >= 2 * damages.length, 'there are checkpoints enough');

  for (const [round, { what, spoil, words }] of damages.entries()) {
    const { whole: steps } = checkpointsIn(ended.folder);
    const [before = -1, spoiled = -1] = steps.slice(-2);
    spoil(folderOf(ended.folder, spoiled));
    const isLast = round === damages.length - 1;
    ended = await session(job, cache, isLast ? null : { at: 'step', count: 1, ms: 0 });
    const [warning = '', ...others] = warningsOf(ended);
    t.deepEqual(others, [], what);
    t.regex(warning, words, what);
    t.regex(
      warning,
      /; it was set aside as \S+\.damaged(-\d+)?, and the one before is used$/,
      what,
    );
    t.is(ended.firstStep, before, what);
  }

  t.is(ended.code, 0, ended.stderr);
  t.deepEqual(resultOf(job, ended.folder), expected);
  const aside = readdirSync(join(ended.folder, 'checkpoints')).filter((name) =>
    /damaged/.test(name),
  );
  t.is(aside.length, damages.length, 'nothing damaged is deleted');
});

test('with no whole checkpoint left the run ends in words, and does not begin anew by itself', async (t) => {
  const folder = await aFolder(t);
  const job = await aToyJob(folder);
  const cache = join(folder, 'cache');
  // A save ends before the next one begins, two steps later: by now three are whole, and maybe a
  // fourth.
  const before = await session(job, cache, { at: 'step', count: 9, ms: 0 });
  const { whole } = checkpointsIn(before.folder);
  t.true(whole.length >= 2);
  for (const step of whole) truncateSync(join(folderOf(before.folder, step), shard), 10);
  const ended = await session(job, cache, null);
  t.is(ended.code, 10);
  t.is(
    ended.stderr.split('\n')[0],
    `none of the ${whole.length} checkpoints in ${join(before.folder, 'checkpoints')} is intact`,
  );
  t.is(warningsOf(ended).length, whole.length);
  t.deepEqual(readdirSync(job.destination), []);
});

test('a disk that gets full costs checkpoints and not the run; a result that cannot be kept is no result', async (t) => {
  const folder = await aFolder(t);
  const job = await aToyJob(folder);
  const whole = await session(job, join(folder, 'undisturbed'), null);
  const expected = resultOf(job, whole.folder);
  await rm(job.destination, { recursive: true });
  await mkdir(job.destination);
  const disk = join(folder, 'disk');
  if (!(await smallDisk(t, disk, 64 * 2 ** 20))) return;
  const saved = checkpointsIn(whole.folder).whole.map((step) => folderOf(whole.folder, step));
  const perSave = sizeOf(saved[0] ?? '');
  const others = sizeOf(join(folder, 'undisturbed')) - sizeOf(join(whole.folder, 'checkpoints'));
  const fitting = 3;
  fillDisk(disk, others + (fitting + 0.5) * perSave);

  const ended = await session(job, disk, null);
  t.is(ended.code, 10);
  const steps = ended.lines.flatMap((line) => (line.type === 'step' ? [line.step] : []));
  t.is(steps.at(-1), 30, 'training went on to its end');
  const warnings = warningsOf(ended);
  t.is(warnings.length, saved.length - fitting);
  for (const warning of warnings) {
    t.regex(
      warning,
      /^the checkpoint of step \d+ was not written: \S+ is full; training continues$/,
    );
  }
  const { whole: kept, partial } = checkpointsIn(ended.folder);
  t.deepEqual(partial, []);
  t.regex(
    ended.stderr,
    new RegExp(
      `^\\S+ has no checkpoint of the result, step 30: the disk was full; the newest is of step ${kept.at(-1)}\n`,
    ),
  );
  t.regex(ended.stderr, /hint: free space there/);
  t.deepEqual(readdirSync(job.destination), [], 'an older state is not published as the result');

  emptyDisk(disk);
  const again = await session(job, disk, null);
  t.is(again.code, 0, again.stderr);
  t.is(again.firstStep, kept.at(-1) ?? 0);
  t.deepEqual(resultOf(job, again.folder), expected);
});

test('results that do not fit are refused in words, and an older result stays', async (t) => {
  const folder = await aFolder(t);
  const job = await aToyJob(folder);
  const disk = join(folder, 'out');
  await rm(disk, { recursive: true });
  if (!(await smallDisk(t, disk, 4 * 2 ** 20))) return;
  const cache = join(folder, 'cache');
  const first = await session(job, cache, null);
  t.is(first.code, 0, first.stderr);
  const expected = resultOf(job, first.folder);
  fillDisk(disk, 100_000);
  const second = await session(job, cache, null, { flags: ['--fresh'] });
  t.is(second.code, 10);
  t.regex(second.stderr, /^\S+merged\.partial\S* cannot be written: the disk is full/);
  t.deepEqual(readdirSync(disk).sort(), ['filler', 'merged', 'report.json']);
  t.deepEqual(resultOf(job, first.folder), expected);
});

/** Bytes that the files below take on a disk. */
function sizeOf(folder: string): number {
  const below = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = below.map((path) => statSync(join(folder, path)));
  const page = 4096;
  return sizes.reduce((sum, { size }) => sum + Math.ceil(size / page) * page, 0);
}

function folderOf(run: string, step: number): string {
  return join(run, 'checkpoints', `step-${String(step).padStart(8, '0')}`);
}
