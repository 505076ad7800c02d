/**
 * Compiles llama.cpp from the source distribution of llama-cpp-python: only the libraries that the
 * Python package loads, and for no processor in particular, since a cache may be shared between
 * machines. What an interrupted build has made is kept, and the next one goes on from there.
 */
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import { compile, ensureSource } from './llama-tree.ts';
import type { Python } from './python.ts';

export interface LlamaBuild {
  /** The Python package, without libraries. */
  readonly package: string;
  /** The libraries that belong into its folder `lib`. */
  readonly libraries: string;
}

/** Everything that is off would take as long as all the rest, and is not loaded by Python. */
const leftOut = ['COMMON', 'TESTS', 'TOOLS', 'EXAMPLES', 'SERVER', 'APP'].map(
  (part) => `-DLLAMA_BUILD_${part}=OFF`,
);

export async function buildLlama(setup: Setup, python: Python, tree: string): Promise<LlamaBuild> {
  const source = await ensureSource(setup, python, tree);
  const build = join(tree, 'build');
  const options = [...leftOut, '-DGGML_NATIVE=OFF'];
  const text = `compiling llama.cpp, ${setup.machine.cores} files at a time`;
  await setup.steps.step('llama', text, () =>
    compile(setup, { source, build, target: 'llama', options }),
  );
  return { package: join(source, 'llama_cpp'), libraries: join(build, 'bin') };
}
