/**
 * A real Helm for tests of the chart: the one that $ANNEAL_HELM names, or the version that the Go
 * module of the test cluster pins, built once into the cache. That module compiles most of what
 * Helm is made of for the cluster anyway.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { runGo } from './go.ts';

const helmPackage = 'helm.sh/helm/v3/cmd/helm';
const module = join(import.meta.dirname, 'cluster/go');

/** Goes up when the same version is built differently. */
const recipe = 'helm 1';

export function helm(signal: AbortSignal = new AbortController().signal): Promise<string> {
  return ensureHelm(thisSetup(signal));
}

/** The program. */
export async function ensureHelm(setup: Setup): Promise<string> {
  const given = setup.machine.env['ANNEAL_HELM'];
  if (given) return givenHelm(given);
  const pins = await readFile(join(module, 'go.mod'), 'utf8');
  const version = /helm\.sh\/helm\/v3 (v\S+)/.exec(pins)?.[1] ?? 'unpinned';
  const key = createHash('sha256').update(`${recipe} ${setup.machine.arch}`).update(pins);
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, `helm-${version}-${key.digest('hex').slice(0, 8)}`),
    // The modules and the objects of the build are in Go's own caches.
    bytes: 2e9,
    make: (staging) => build(setup, staging, version),
  });
  return join(folder, 'helm');
}

function givenHelm(path: string): string {
  if (existsSync(path)) return path;
  throw new UserError({
    code: 'E_SETUP',
    message: `ANNEAL_HELM=${path} does not exist; it must name a helm 3`,
    hint: 'unset ANNEAL_HELM and it is built',
  });
}

async function build(setup: Setup, staging: string, version: string): Promise<void> {
  const text = `compiling Helm ${version} through the Go module proxy, some minutes`;
  const output = join(staging, 'helm');
  await setup.steps.step('helm', text, () =>
    runGo(setup, {
      args: ['build', '-mod=readonly', '-ldflags=-s -w', '-o', output, helmPackage],
      cwd: module,
      env: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-trimpath -buildvcs=false -p=2' },
      what: `Helm ${version}`,
      needs: 'tests render the chart with a real Helm',
      hint: 'install Go 1.26 or newer, or set ANNEAL_HELM to a helm 3.18 or newer',
    }),
  );
}
