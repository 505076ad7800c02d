/**
 * llama.cpp for benchmarks: the arithmetic compiled for this very processor, as its users have it,
 * beside the library that the judge of our tests loads. Built when a benchmark asks for it.
 */
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { ensureLlama } from './llama.ts';
import { compile, ensureSource, llamaSource } from './llama-tree.ts';
import { findPython, mustRun } from './python.ts';

export interface NativeLlama {
  /** An interpreter with llama_cpp and numpy. */
  readonly python: string;
  /** For its environment: which libraries it loads. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Goes up when the same source is built differently. */
const recipe = 'llama-native 1';

const options = [
  ...['COMMON', 'TESTS', 'TOOLS', 'EXAMPLES', 'SERVER', 'APP'].map(
    (part) => `-DLLAMA_BUILD_${part}=OFF`,
  ),
  '-DGGML_NATIVE=ON',
];

export async function ensureNativeLlama(setup: Setup): Promise<NativeLlama> {
  const { machine, cache } = setup;
  const { python } = await ensureLlama(setup);
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, machine.platform, machine.arch, cpus()[0]?.model]))
    .update(await instructions())
    .update(await readFile(llamaSource))
    .digest('hex')
    .slice(0, 12);
  const libraries = await ensureEntry(setup, {
    folder: join(cache.root, `llama-native-${key}`),
    bytes: 1e9,
    async make(staging) {
      const where = 'import llama_cpp, os; print(os.path.dirname(llama_cpp.__file__))';
      const own = join((await mustRun(setup, python, ['-c', where])).trim(), 'lib');
      const tree = join(cache.root, `llama-native-build-${key}`);
      const source = await ensureSource(setup, await findPython(setup), tree);
      const build = join(tree, 'build');
      const text = 'compiling the arithmetic of llama.cpp for this processor';
      await setup.steps.step('llama', text, () =>
        compile(setup, { source, build, target: 'ggml', options }),
      );
      const links = { recursive: true, verbatimSymlinks: true };
      await cp(own, staging, links);
      for (const name of await readdir(join(build, 'bin'))) {
        await rm(join(staging, name), { force: true });
        await cp(join(build, 'bin', name), join(staging, name), links);
      }
      await rm(tree, { recursive: true });
    },
  });
  return { python, variables: { LLAMA_CPP_LIB_PATH: libraries } };
}

/** What the processor has, where the system tells: the build is for no less. */
async function instructions(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^flags.*$/m.exec(text)?.[0] ?? '';
}
