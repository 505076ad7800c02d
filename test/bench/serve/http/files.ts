// What the servers load: SmolLM2-135M in bfloat16 as a folder and as a GGUF file, and adapters of
// it, each in PEFT's format and as llama.cpp has them. Made once and kept beside the cache.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { ensureDemo } from '../../../../cli/setup/demo.ts';
import { ensureEntry } from '../../../../cli/setup/entry.ts';
import type { Setup } from '../../../../cli/setup/setup.ts';
import { workerNodeArguments } from '../../../../crds/wire/worker-process.ts';
import { writePeerFolder } from '../../train/peer-folder.ts';

export interface Files {
  /** Of the base. */
  readonly folder: string;
  readonly gguf: string;
  /** Has a folder for each name. */
  readonly peft: string;
  /** Has `NAME.lora.gguf`. */
  readonly loras: string;
  readonly names: readonly string[];
}

export const mostAdapters = 64;

/** Goes up when other files are made. */
const recipe = 1;

export async function ensureFiles(setup: Setup): Promise<Files> {
  const volume = await ensureDemo(setup);
  const names = Array.from({ length: mostAdapters }, (_, i) => `a${i}`);
  const root = await ensureEntry(setup, {
    folder: join(setup.cache.root, 'bench', `serve-http-${recipe}`),
    bytes: 4e9,
    async make(staging) {
      const folder = join(staging, 'model');
      await writePeerFolder(join(volume, 'model'), folder, 'bfloat16');
      const script = fileURLToPath(new URL('make-adapters.ts', import.meta.url));
      const words = [...workerNodeArguments('publish'), script, folder, staging, names.join(',')];
      await execa(process.execPath, words, { cancelSignal: setup.signal });
    },
  });
  return {
    ...{ folder: join(root, 'model'), gguf: join(root, 'model.gguf'), names },
    ...{ peft: join(root, 'peft'), loras: join(root, 'loras') },
  };
}
