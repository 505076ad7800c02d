/**
 * k9s, which the bench of the terminal is measured beside: the Go module of the version below,
 * built once into the cache.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { runGo } from './go.ts';

const k9sModule = 'github.com/derailed/k9s';
export const k9sVersion = 'v0.50.18';

/** Goes up when the same version is built differently. */
const recipe = 'k9s 1';

/** The program. */
export async function ensureK9s(setup: Setup): Promise<string> {
  const key = createHash('sha256').update(`${recipe} ${setup.machine.arch}`).digest('hex');
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, `k9s-${k9sVersion}-${key.slice(0, 8)}`),
    // The modules and the objects of the build are in Go's own caches, several GB of them new.
    bytes: 4e9,
    make: (staging) => build(setup, staging),
  });
  return join(folder, 'k9s');
}

async function build(setup: Setup, staging: string): Promise<void> {
  const text = `compiling k9s ${k9sVersion} through the Go module proxy, about five minutes`;
  await setup.steps.step('k9s', text, () =>
    runGo(setup, {
      args: ['install', `${k9sModule}@${k9sVersion}`],
      env: { GOBIN: staging, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s -p=2' },
      what: `k9s ${k9sVersion}`,
      needs: 'the bench of the terminal measures k9s too',
      hint: 'install Go 1.25 or newer, or leave k9s out with --without k9s',
    }),
  );
}
