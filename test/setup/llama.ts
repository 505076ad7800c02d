/**
 * llama.cpp as a judge of our GGUF files, through llama-cpp-python. Its source is compiled once for
 * this processor (about six minutes on two cores); the wheel stays in the cache.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { findToolchain } from '../../cli/setup/toolchain.ts';
import { findPython, makeVenv, pipInstall, pythonOf } from './python.ts';

export interface LlamaPeer {
  /** An interpreter with llama_cpp and numpy. */
  readonly python: string;
}

export function llama(signal: AbortSignal = new AbortController().signal): Promise<LlamaPeer> {
  return ensureLlama(thisSetup(signal));
}

export async function ensureLlama(setup: Setup): Promise<LlamaPeer> {
  const python = await findPython(setup);
  const requirements = join(import.meta.dirname, 'llama.txt');
  const key = createHash('sha256')
    .update(JSON.stringify([python.tag, setup.machine.arch, cpus()[0]?.model]))
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const venv = await ensureEntry(setup, {
    folder: join(setup.cache.root, `llama-${key}`),
    bytes: 3e9,
    async make(staging) {
      const { compiler } = await findToolchain(setup.machine);
      const text = `compiling llama.cpp from its 70 MB source, ${setup.machine.cores} files at a time`;
      await setup.steps.step('llama', text, async () => {
        await makeVenv(setup, python, staging);
        const scratch = join(staging, 'tmp');
        await mkdir(scratch);
        await pipInstall(setup, staging, ['--no-deps', '--no-cache-dir', '-r', requirements], {
          TMPDIR: scratch,
          CXX: compiler,
          CMAKE_ARGS: '-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF',
          CMAKE_BUILD_PARALLEL_LEVEL: String(setup.machine.cores),
        });
      });
    },
  });
  return { python: pythonOf(venv) };
}
