/**
 * llama.cpp's own server, a peer of benchmarks: compiled for this very processor, as its users do,
 * without the pages that it shows to browsers. Built when a benchmark asks for it.
 */
import { createHash } from 'node:crypto';
import { cp, readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { compile, ensureSource, llamaSource } from './llama-tree.ts';
import { findPython } from './python.ts';

/** Goes up when the same source is built differently. */
const recipe = 'llama-server 1';

const options = [
  ...['COMMON', 'TOOLS', 'SERVER'].map((part) => `-DLLAMA_BUILD_${part}=ON`),
  ...['TESTS', 'EXAMPLES', 'APP', 'UI'].map((part) => `-DLLAMA_BUILD_${part}=OFF`),
  ...['-DLLAMA_USE_PREBUILT_UI=OFF', '-DGGML_NATIVE=ON'],
];

/** The program. */
export async function ensureLlamaServer(setup: Setup): Promise<string> {
  const { machine, cache } = setup;
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, machine.platform, machine.arch, cpus()[0]?.model]))
    .update(await instructions())
    .update(await readFile(llamaSource))
    .digest('hex')
    .slice(0, 12);
  const folder = await ensureEntry(setup, {
    folder: join(cache.root, `llama-server-${key}`),
    bytes: 2e9,
    async make(staging) {
      const tree = join(cache.root, `llama-server-build-${key}`);
      const source = await ensureSource(setup, await findPython(setup), tree);
      const build = join(tree, 'build');
      const text = `compiling llama.cpp's server, ${machine.cores} files at a time`;
      await setup.steps.step('llama', text, () =>
        compile(setup, { source, build, target: 'llama-server', options }),
      );
      await cp(join(build, 'bin'), staging, { recursive: true, verbatimSymlinks: true });
      await rm(tree, { recursive: true });
    },
  });
  return join(folder, 'llama-server');
}

/** What the processor has, where the system tells: the build is for no less. */
async function instructions(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^flags.*$/m.exec(text)?.[0] ?? '';
}
