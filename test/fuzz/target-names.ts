// All targets: the files of targets/. Those of planted/ are there to test the fuzzer, and go by
// `planted/NAME`.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const targetNames: readonly string[] = readdirSync(join(import.meta.dirname, 'targets'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length));

export function moduleOf(target: string): string {
  const path = target.includes('/') ? target : `targets/${target}`;
  return join(import.meta.dirname, `${path}.ts`);
}
