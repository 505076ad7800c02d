/**
 * A real cosign, the one that $ANNEAL_COSIGN names or the Go module of the version below, and a
 * registry of images that keeps them in memory. Both are built once into the cache.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { runGo } from './go.ts';

const cosignModule = 'github.com/sigstore/cosign/v2/cmd/cosign@v2.6.5';
const registryModule = 'github.com/google/go-containerregistry/cmd/registry@v0.22.1';

interface Signing {
  readonly cosign: string;
  readonly registry: string;
}

export async function ensureCosign(
  setup: Setup = thisSetup(new AbortController().signal),
): Promise<Signing> {
  const given = setup.machine.env['ANNEAL_COSIGN'];
  const modules = given ? [registryModule] : [registryModule, cosignModule];
  const hash = createHash('sha256').update(`${modules.join(' ')} ${setup.machine.arch}`);
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, `cosign-${hash.digest('hex').slice(0, 12)}`),
    // The modules and the objects of the build are in Go's own caches.
    bytes: 3e9,
    make: (staging) =>
      setup.steps.step('cosign', 'compiling cosign and a registry, some ten minutes', async () => {
        for (const each of modules) await install(setup, staging, each);
      }),
  });
  return { cosign: given ?? join(folder, 'cosign'), registry: join(folder, 'registry') };
}

async function install(setup: Setup, staging: string, name: string): Promise<void> {
  await runGo(setup, {
    args: ['install', '-ldflags=-s -w', name],
    env: { GOBIN: staging, CGO_ENABLED: '0', GOFLAGS: '-trimpath -p=2' },
    what: name,
    needs: 'tests of a release sign images with a real cosign',
    hint: 'install Go 1.26 or newer, or set ANNEAL_COSIGN to a cosign 2',
  });
}
