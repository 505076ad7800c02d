/**
 * llama.cpp as a judge of our GGUF files, through llama-cpp-python: its libraries, compiled here
 * (llama-libraries.ts), beside its Python files in an environment of its own.
 */
import { createHash } from 'node:crypto';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { buildLlama } from './llama-libraries.ts';
import { llamaSource } from './llama-tree.ts';
import { findPython, makeVenv, mustRun, pipInstall, pythonOf, sitePackages } from './python.ts';

export interface LlamaPeer {
  /** An interpreter with llama_cpp and numpy. */
  readonly python: string;
}

/** Goes up when the same requirements are built differently. */
const recipe = 'llama 2';

const requirements = join(import.meta.dirname, 'llama.txt');

export async function ensureLlama(setup: Setup): Promise<LlamaPeer> {
  const python = await findPython(setup);
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, python.tag, setup.machine.platform, setup.machine.arch]))
    .update(await readFile(requirements))
    .update(await readFile(llamaSource))
    .digest('hex')
    .slice(0, 12);
  const venv = await ensureEntry(setup, {
    folder: join(setup.cache.root, `llama-${key}`),
    bytes: 2e9,
    async make(staging) {
      const tree = join(setup.cache.root, `llama-build-${key}`);
      const built = await buildLlama(setup, python, tree);
      await setup.steps.step('llama', 'installing its Python package, about 20 MB', async () => {
        await makeVenv(setup, python, staging);
        await pipInstall(setup, staging, ['--no-deps', '-r', requirements]);
        const place = join(sitePackages(staging, python), 'llama_cpp');
        await cp(built.package, place, { recursive: true });
        const libraries = { recursive: true, verbatimSymlinks: true };
        await cp(built.libraries, join(place, 'lib'), libraries);
        await mustRun(setup, pythonOf(staging), ['-c', 'import llama_cpp']);
      });
      await rm(tree, { recursive: true });
    },
  });
  return { python: pythonOf(venv) };
}
