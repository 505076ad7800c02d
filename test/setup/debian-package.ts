/**
 * Data that a Debian package ships, in the cache: fetched by apt and unpacked, not installed. Only
 * benchmarks come here, so a machine without apt can run all tests.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { TerminalError } from '../../crds/failures/errors.ts';

interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly bytes: number;
  /** Of the step of the setup. */
  readonly step: string;
  /** Of the package, the folder that is kept. */
  readonly inside: string;
}

/** Returns the folder, `inside` of the package. */
export function debianData(setup: Setup, wanted: DebianPackage): Promise<string> {
  const { name, version, bytes, step, inside } = wanted;
  return ensureEntry(setup, {
    folder: join(setup.cache.root, name),
    inside: 'data',
    bytes: 4 * bytes,
    async make(staging) {
      const text = `fetching ${name} ${version} (${Math.round(bytes / 1e6)} MB)`;
      await setup.steps.step(step, text, async () => {
        await mkdir(join(staging, 'download'));
        const archive = await download(setup, wanted, join(staging, 'download'));
        const unpacked = join(staging, 'unpacked');
        await mustRun(setup, 'dpkg-deb', ['-x', archive, unpacked], staging);
        await rename(join(unpacked, inside), join(staging, 'data'));
        await rm(archive);
      });
    },
  });
}

async function download(
  setup: Setup,
  { name, version, sha256 }: DebianPackage,
  into: string,
): Promise<string> {
  await mustRun(setup, 'apt-get', ['download', `${name}=${version}`], into);
  const file = (await readdir(into)).find((each) => each.endsWith('.deb'));
  if (file === undefined) throw notFetched(`apt-get wrote no package ${name}`);
  const found = createHash('sha256')
    .update(await readFile(join(into, file)))
    .digest('hex');
  if (found === sha256) return join(into, file);
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `${name} ${version} has SHA-256 ${found.slice(0, 12)}…; it must be ${sha256.slice(0, 12)}…`,
    hint: 'the mirror served a different file; check /etc/apt/sources.list',
  });
}

async function mustRun(
  { machine, signal }: Setup,
  file: string,
  args: readonly string[],
  cwd: string,
): Promise<void> {
  const ran = await machine.run(file, args, { cwd, signal });
  if (ran.kind === 'ended' && ran.ok) return;
  const reason = ran.kind === 'missing' ? 'there is no such program' : ran.stderr.trim();
  throw notFetched(`${file} ${args.join(' ')} failed: ${reason.split('\n').at(-1)}`);
}

function notFetched(message: string): TerminalError {
  return new TerminalError({
    ...{ code: 'E_SETUP', message },
    hint: 'run this benchmark on Debian or Ubuntu, after apt-get update',
  });
}
