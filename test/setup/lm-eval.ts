/**
 * lm-eval as a judge of our server: a folder of packages beside the environment of the peers, whose
 * torch and transformers it uses. So neither is made again when the other changes.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { ensurePeers } from './peers.ts';
import { findPython, mustRun } from './python.ts';

interface LmEval {
  readonly python: string;
  /** For `PYTHONPATH`. */
  readonly packages: string;
}

/** Goes up when the same requirements are installed differently. */
const recipe = 'lm-eval 1';

const requirements = join(import.meta.dirname, 'lm-eval.txt');

export async function ensureLmEval(setup: Setup): Promise<LmEval> {
  const { python } = await ensurePeers(setup);
  const { tag } = await findPython(setup);
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, tag, setup.machine.platform, setup.machine.arch]))
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const packages = await ensureEntry(setup, {
    folder: join(setup.cache.root, `lm-eval-${key}`),
    bytes: 2e8,
    async make(staging) {
      await setup.steps.step('lm-eval', 'installing lm-eval, about 20 MB', async () => {
        const into = ['--target', staging, '--no-compile', '--no-deps', '-r', requirements];
        const quiet = ['--quiet', '--disable-pip-version-check', '--no-input'];
        await mustRun(setup, python, ['-m', 'pip', 'install', ...quiet, ...into]);
        await removeTasks(join(staging, 'lm_eval/tasks'));
      });
    },
  });
  return { python, packages };
}

/** Its 14,000 small files of tasks on data sets of others take four fifths of the room. */
async function removeTasks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await rm(join(folder, entry.name), { recursive: true });
  }
}
