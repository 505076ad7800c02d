/** What a script beside this file builds from Go modules of `peers/`, once into the cache. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { runScript } from './run-script.ts';

interface Recipe {
  /** Of the folder in the cache. */
  readonly name: string;
  readonly modules: readonly string[];
  /** Is given the folder that it fills. */
  readonly script: string;
  /** On disk while it is built: what Go keeps of modules and objects is counted. */
  readonly bytes: number;
  readonly step: string;
  readonly text: string;
}

/** The folder. Another version of a module, or another script, is another one. */
export async function ensureBuilt(setup: Setup, recipe: Recipe): Promise<string> {
  const { name, modules, script, bytes, step, text } = recipe;
  const pins = modules.flatMap((each) => [`peers/${each}/go.mod`, `peers/${each}/go.sum`]);
  const hash = createHash('sha256');
  for (const file of [...pins, script])
    hash.update(await readFile(join(import.meta.dirname, file)));
  return ensureEntry(setup, {
    folder: join(setup.cache.root, `${name}-${hash.digest('hex').slice(0, 12)}`),
    bytes,
    make: (staging) =>
      setup.steps.step(step, text, () => runScript(script, [staging], setup.signal)),
  });
}
