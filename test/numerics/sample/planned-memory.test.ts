// The memory plan of a sampling beside what its process takes.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { planSampling } from '../../../crds/plan/sampling-memory.ts';
import { sampleFile, sampleSettings } from '../../../crds/sample/settings.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { memoryOf } from '../../../worker/sample/load-adapters.ts';
import { compiledCode } from '../../builders/compiled-code.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { tellsPeak } from '../../builders/tells-peak.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { makeDiffusion } from '../../toy/diffusion.ts';

const program = join(import.meta.dirname, '../../../worker/main.ts');
const sizes = { num_attention_heads: 8, attention_head_dim: 48, num_layers: 8, sample_size: 32 };
const ranks = { one: 16, two: 32 };

test.serial('a sampling takes what was planned', async (t) => {
  t.timeout(300_000);
  await using root = await temporaryFolder();
  const at = (...parts: readonly string[]) => join(root.path, ...parts);
  await makeDiffusion(at('model'), { ...sizes, in_channels: 1, out_channels: 1 });
  using files = openModel(at('model'));
  for (const [name, rank] of Object.entries(ranks)) {
    await writePeftFolder(at(name), files, { rank, size: 0.01 });
  }
  const parts = Object.keys(ranks).map((adapter) => ({ adapter, weight: 1 }));
  const settings = sampleSettings.parse({
    ...{ version: 1, name: 'base', folder: root.path, cache: at('cache'), device: 'cpu' },
    ...{ model: { source: { local: { path: at('model') } }, task: 'Denoising' }, threads: 1 },
    adapters: Object.keys(ranks).map((name) => ({ name, folder: at(name) })),
    compositions: [
      { name: 'both', mode: 'dominant', parts, span: null },
      { name: 'sum', mode: 'merge', parts, span: 1 },
    ],
    pictures: { count: 8, classes: [], steps: 4, guidance: 1.5, seed: 1, caches: true },
    ...{ anyBase: true, to: at('pictures') },
  });
  await mkdir(at('run'));
  await writeFile(at('run', sampleFile), JSON.stringify(settings));
  await writeFile(at('peak.mjs'), tellsPeak);
  const child = fork(program, ['sample', at('run')], {
    execArgv: [...workerNodeArguments('sample'), '--import', at('peak.mjs')],
    env: { ...process.env, ...(await compiledCode()), PEAK_FILE: at('peak') },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [code] = await once(child, 'exit');
  t.is(code, 0);
  const measured = Number(await readFile(at('peak'), 'utf8'));
  const widths = linearLayers(files.config).reduce((sum, one) => sum + one.in + one.out, 0);
  // Each adapter, and the sum of both.
  const adapterBytes = 2 * 4 * widths * (ranks.one + ranks.two);
  const plan = planSampling({
    base: { facts: factsOf(files.config, files.headers), storedBfloat16: 0 },
    device: { type: 'cpu', bytes: 2 ** 40 },
    ...{ adapterBytes, keeps: 2, passes: 2 },
  });
  const gap = measured / plan.peak - 1;
  t.log(`planned ${JSON.stringify(plan)}, measured ${measured}: ${(100 * gap).toFixed(1)} %`);
  t.true(Math.abs(gap) < 0.1, `${gap}`);
  const fits = memoryOf(settings, files, plan.peak - 1);
  t.notThrows(() => fits(0));
  t.throws(() => fits(adapterBytes), { message: /^sampling needs .* of adapters .* are there$/ });
});
