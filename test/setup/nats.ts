/**
 * A real nats-server for tests: the one that $ANNEAL_NATS_SERVER names, or the Go module of the
 * version below, built once into the cache. The cluster of the tests runs the same version.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { runGo } from './go.ts';

export const natsModule = 'github.com/nats-io/nats-server/v2';
export const natsVersion = 'v2.15.2';

/** Goes up when the same version is built differently. */
const recipe = 'nats 1';

/** The program. */
export async function ensureNats(setup: Setup): Promise<string> {
  const given = setup.machine.env['ANNEAL_NATS_SERVER'];
  if (given) return givenServer(given);
  const key = createHash('sha256').update(`${recipe} ${setup.machine.arch}`).digest('hex');
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, `nats-server-${natsVersion}-${key.slice(0, 8)}`),
    // The modules and the objects of the build are in Go's own caches, 0.3 GB of them new.
    bytes: 5e8,
    make: (staging) => build(setup, staging),
  });
  return join(folder, 'nats-server');
}

function givenServer(path: string): string {
  if (existsSync(path)) return path;
  throw new UserError({
    code: 'E_SETUP',
    message: `ANNEAL_NATS_SERVER=${path} does not exist; it must name a nats-server`,
    hint: 'unset ANNEAL_NATS_SERVER and it is built',
  });
}

async function build(setup: Setup, staging: string): Promise<void> {
  const text = `compiling nats-server ${natsVersion} through the Go module proxy, about a minute`;
  await setup.steps.step('nats', text, () =>
    runGo(setup, {
      args: ['install', `${natsModule}@${natsVersion}`],
      env: { GOBIN: staging, CGO_ENABLED: '0', GOFLAGS: '-trimpath -ldflags=-s -p=2' },
      what: `nats-server ${natsVersion}`,
      needs: 'tests of the bus talk to a real nats-server',
      hint: 'install Go 1.25 or newer, or set ANNEAL_NATS_SERVER to a nats-server 2.10 or newer',
    }),
  );
}
