// The memory plan of a server beside what the process with the model takes.
import { join } from 'node:path';
import test from 'ava';
import { memoryConstants } from '../../../crds/plan/memory-constants.ts';
import { serveSettings } from '../../../crds/serve/settings.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { MemoryBudget } from '../../../worker/serve/memory-budget.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { makeToy } from '../../toy/make-toy.ts';
import { peakOfServer } from './peak-of-server.ts';

const sizes = { hidden_size: 512, intermediate_size: 1408, num_hidden_layers: 6 };
const limits = { together: 8, context: 512, cacheBytes: 2 ** 28, maxTokens: 4 };

for (const [file, dtype] of [
  ['float32', 'float32'],
  ['bfloat16', 'float32'],
  ['bfloat16', 'bfloat16'],
] as const) {
  test.serial(`a server of ${file} files takes in ${dtype} what was planned`, async (t) => {
    t.timeout(300_000);
    await using root = await temporaryFolder();
    const at = (...parts: readonly string[]) => join(root.path, ...parts);
    const config = { vocab_size: 400, max_position_embeddings: 512, ...sizes };
    await makeToy(at('model'), 'llama', { config, dtype: file });
    const names = ['one', 'two', 'three', 'four'];
    const settings = serveSettings.parse({
      ...{ version: 1, name: 'base', folder: root.path, cache: at('cache'), device: 'cpu' },
      ...{ model: { source: { local: { path: at('model') } } }, threads: 1, dtype, limits },
      adapters: names.map((name) => ({ name, folder: at(name) })),
      ...{ compositions: [], anyBase: true },
    });
    using files = openModel(at('model'));
    for (const [i, name] of names.entries()) {
      await writePeftFolder(at(name), files, { rank: 16 * (i + 1), size: 0.01 });
    }
    const ranks = names.reduce((sum, _, i) => sum + 16 * (i + 1), 0);
    const { hidden_size: H, intermediate_size: I, num_hidden_layers: L } = sizes;
    const { NH, NK, D } = files.config;
    const widths = 2 * H + 2 * NH * D + 2 * (H + NK * D) + 3 * (H + I);
    const plan = new MemoryBudget(settings, files.headers).plan(4 * L * ranks * widths);
    const models = ['base', ...names];
    const measured = await peakOfServer(at('served'), settings, { models, made: 4 });
    const gap = measured / plan.peak - 1;
    t.log(`planned ${JSON.stringify(plan)}, measured ${measured}: ${(100 * gap).toFixed(1)} %`);
    t.true(gap < 0.1, `${gap}`);
    // Pages of mapped files are taken away where a machine is short of memory; how much libtorch
    // compiles for products in bfloat16 is up to the processor.
    const compiled = dtype === 'bfloat16' ? memoryConstants.cpu.compiled : 0;
    t.true(gap > -0.1 - compiled / plan.peak, `${gap}`);
  });
}
