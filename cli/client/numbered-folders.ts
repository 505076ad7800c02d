import { readdir } from 'node:fs/promises';

/** Numbers that name folders of `root`, ascending. */
export async function numbersIn(root: string): Promise<readonly number[]> {
  const names = await readdir(root).catch(() => []);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
