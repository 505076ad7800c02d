// The real `anneal sample` on a toy and adapters of it.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { sampleRecord } from '../../crds/sample/record.ts';
import { aSampling } from '../toy/sampling.ts';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');

async function aCommand(t: ExecutionContext) {
  const { folder, path, write } = await aSampling(t);
  for (const name of ['one', 'three']) await write(name, { baseDigest: '' });
  const named = ['one', 'three'].flatMap((name) => ['--adapter', `${name}=${join(folder, name)}`]);
  const usual = ['sample', path, '--name', 'toy', '--threads', '1', '--count', '2', '--steps', '4'];
  const sample = (to: string, ...words: readonly string[]) =>
    execa(process.execPath, [command, ...usual, '--to', join(folder, to), ...words], {
      env: { ANNEAL_CACHE: join(folder, 'cache') },
      reject: false,
    });
  return { folder, named, sample };
}

test.serial('pictures and their record, the same for the same seed', async (t) => {
  const { folder, named, sample } = await aCommand(t);
  const composed = [...named, '--any-base', '--compose', 'both=one,three,mode=dominant'];
  const found = await sample('first', ...composed);
  t.is(found.exitCode, 0, found.stderr);
  t.regex(found.stdout, /^both {2}dominant of one \+ three · .*\n2 pictures of each in .*first$/);
  t.regex(found.stderr, /both: 2 of 2 pictures/);
  t.deepEqual((await readdir(join(folder, 'first'))).toSorted(), ['both', 'sample.json']);
  const again = await sample('second', ...composed, '-o', 'json');
  const record = sampleRecord.parse(JSON.parse(again.stdout));
  // Turns as the paper has them where no span is named.
  t.is(record.made[0]?.composition?.span, null);
  t.deepEqual(record.pictures.classes, [0, 1, 2, 3, 4]);
  const png = (of: string) => readFile(join(folder, of, 'both', '2.png'));
  t.deepEqual(await png('second'), await png('first'));
  const turns = await sample(
    'turns',
    ...named,
    '--any-base',
    '--compose',
    'both=one,three,mode=switch',
  );
  t.is(turns.exitCode, 0, turns.stderr);
  const written = JSON.parse(await readFile(join(folder, 'turns', 'sample.json'), 'utf8'));
  t.is(sampleRecord.parse(written).made[0]?.composition?.span, 5);
});

test.serial('what is wrong is one sentence and what to do', async (t) => {
  const { named, sample } = await aCommand(t);
  for (const [words, sentence] of [
    [named, /^adapter one in .* does not say which base it was trained on\nhint: .*--any-base/],
    [['--compose', 'both=one'], /^both has the part one, and no adapter has that name\nhint: /],
    [['--no-cache'], /^--no-cache is given, and only the mode dominant keeps anything of blocks/],
    [['--classes', '5'], /^--classes has 5; the model has 5 classes, 0 to 4/],
    [['--classes', 'all'], /it must be numbers with commas between, such as 0,3,7/],
    [['--guidance', 'much'], /it must be a number from -100 to 100/],
    [['--seed', '-1'], /it must be a whole number, 0 or more/],
  ] as const) {
    const { exitCode, stderr } = await sample('refused', ...words);
    t.not(exitCode, 0);
    t.regex(stderr, sentence);
  }
});
