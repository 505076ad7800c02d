import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import test from 'ava';
import { explain } from '../../../cli/setup/attempt.ts';
import { aSetup } from '../../doubles/machine.ts';

test('a cache folder below a file is a sentence, not a stack trace', async (t) => {
  const { folder } = await aSetup(t);
  const file = join(folder, 'file');
  await writeFile(file, '');
  const thrown = await mkdir(join(file, 'cache'), { recursive: true }).catch((error) => error);
  const error = explain(thrown);
  t.is(error.code, 'E_SETUP');
  t.regex(error.message, /is a file; it must be a folder$/);
  t.regex(error.hint, /ANNEAL_CACHE/);
});

test('a disk that fills up and a folder of someone else are told by their path', (t) => {
  const failing = (code: string) => Object.assign(new Error(code), { code, path: '/c/torch' });
  t.is(explain(failing('ENOSPC')).message, 'the disk is full; /c/torch could not be written');
  t.is(explain(failing('ENOSPC')).code, 'E_NO_SPACE');
  t.is(explain(failing('EACCES')).message, '/c/torch is not writable by this user');
});

test('an option that there is not is told, and is no bug', (t) => {
  const wrong = () =>
    parseArgs({ args: ['--rownds', '3'], options: { rounds: { type: 'string' } } });
  const error = explain(t.throws(wrong));
  t.is(error.code, 'E_USAGE');
  t.regex(error.message, /^Unknown option '--rownds'/);
});

test('anything else is a bug and keeps its cause', (t) => {
  const thrown = new RangeError('index');
  const error = explain(thrown);
  t.is(error.code, 'E_INTERNAL');
  t.is(error.cause, thrown);
});
