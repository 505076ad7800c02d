// Models and data on this machine: the most likely choices come first in the wizard.
import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Found, Option } from './questions.ts';

/** With more, the list is too long to choose from. */
const mostHere = 4;
const dataFile = /\.(jsonl|parquet|json|txt)$/;
/** JSON files with another purpose. */
const notData =
  /^(package|package-lock|tsconfig.*|biome|config|tokenizer.*|generation_config)\.json$/;

export async function sourcesHere(
  folder: string,
  cache: string,
): Promise<Pick<Found, 'models' | 'data'>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  const models = entries.filter((entry) => isModel(folder, entry)).slice(0, mostHere);
  const data = entries
    .filter((entry) => entry.isFile() && dataFile.test(entry.name) && !notData.test(entry.name))
    .slice(0, mostHere);
  const demo = join(cache, 'volumes/demo');
  return {
    models: [
      ...models.map(({ name }) => here(name, 'A model in this folder.')),
      ...inDemo(
        join(demo, 'model'),
        'claim:demo/model',
        'SmolLM2 with 135 M parameters, which npm start has fetched.',
      ),
    ],
    data: [
      ...data.map(({ name }) => here(name, 'A file in this folder.')),
      ...inDemo(
        join(demo, 'sharegpt.json'),
        'claim:demo/sharegpt.json',
        'Conversations that npm start has fetched.',
      ),
    ],
  };
}

function here(name: string, why: string): Option {
  return { id: `./${name}`, label: `./${name}`, why };
}

function inDemo(path: string, source: string, why: string): readonly Option[] {
  return existsSync(path) ? [{ id: source, label: source, why }] : [];
}

function isModel(folder: string, entry: Dirent): boolean {
  if (entry.isFile()) return entry.name.endsWith('.gguf');
  return entry.isDirectory() && existsSync(join(folder, entry.name, 'config.json'));
}
