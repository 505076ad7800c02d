/**
 * A real Helm for tests of the chart: the one that $ANNEAL_HELM names, or the version that the Go module of the test cluster pins, built
 * once into the cache. That module compiles most of what Helm is made of for the cluster anyway.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { TerminalError, UserError } from '../../crds/errors.ts';

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
  await setup.steps.step('helm', text, async () => {
    const env = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-trimpath -buildvcs=false -p=2' };
    const output = join(staging, 'helm');
    const args = ['build', '-mod=readonly', '-ldflags=-s -w', '-o', output, helmPackage];
    const ran = await setup.machine.run('go', args, { cwd: module, env, signal: setup.signal });
    if (ran.kind === 'ended' && ran.ok) return;
    await rm(staging, { recursive: true, force: true });
    throw ran.kind === 'missing' ? withoutGo() : notBuilt(version, ran.stderr);
  });
}

function withoutGo(): TerminalError {
  return new TerminalError({
    code: 'E_SETUP',
    message:
      'go is not on the PATH; tests render the chart with a real Helm, built from its source',
    hint: 'install Go 1.26 or newer, or set ANNEAL_HELM to a helm 3.18 or newer',
  });
}

function notBuilt(version: string, stderr: string): TerminalError {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return new TerminalError({
    code: 'E_SETUP',
    message: `Helm ${version} was not built: ${last}`,
    hint: 'check the connection to the Go module proxy (go env GOPROXY), then run the tests again',
  });
}
