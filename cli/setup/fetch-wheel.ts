/**
 * Fetches one pinned wheel into a folder and refuses any other bytes. A wheel that an earlier setup
 * kept in the cache (ANNEAL_KEEP_WHEELS=1, as in tests) is used after the same check.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, link, mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TerminalError } from '../../crds/failures/errors.ts';
import { downloadArgs, findPip, pipError } from './pip.ts';
import type { Setup } from './setup.ts';
import { megabytes, type Progress } from './steps.ts';
import type { Wheel } from './wheels.ts';

const pollMs = 500;

/** Path of the wheel below `folder`, which must not contain another wheel of that name. */
export async function fetchWheel(
  setup: Setup,
  wheel: Wheel,
  folder: string,
  progress: Progress = () => undefined,
): Promise<string> {
  const kept = await keptWheel(setup, wheel);
  if (kept !== undefined) return kept;
  const path = await download(setup, wheel, folder, progress);
  await requireDigest(wheel, path);
  if (setup.machine.env['ANNEAL_KEEP_WHEELS'] === '1') await keep(setup, path);
  return path;
}

async function download(
  setup: Setup,
  wheel: Wheel,
  folder: string,
  progress: Progress,
): Promise<string> {
  const { machine, signal } = setup;
  const [file, ...first] = await findPip(machine);
  const into = join(folder, 'download');
  await mkdir(into, { recursive: true });
  const watch = setInterval(() => {
    sizeOf(folder).then(
      (bytes) => progress(`${megabytes(bytes)} of ${megabytes(wheel.bytes)}`),
      // pip moved the file in between; the next poll finds it.
      () => undefined,
    );
  }, pollMs);
  try {
    // pip downloads to TMPDIR first: use the disk whose free space was checked.
    const env = { TMPDIR: folder };
    const ran = await machine.run(file, [...first, ...downloadArgs(wheel, into)], { env, signal });
    if (ran.kind === 'missing' || !ran.ok) throw notFetched(wheel, pipError(ran));
  } finally {
    clearInterval(watch);
  }
  const found = await wheelIn(into, wheel);
  if (found === undefined) throw notFetched(wheel, 'it succeeded but wrote no wheel');
  const path = join(folder, found);
  await rename(join(into, found), path);
  return path;
}

function notFetched(wheel: Wheel, reason: string): TerminalError {
  return new TerminalError({
    code: 'E_SETUP',
    message: `pip did not fetch ${wheel.name} ${wheel.version}: ${reason}`,
    hint: 'check the connection and pip’s index (pip config list), then run the command again',
  });
}

async function wheelIn(folder: string, wheel: Wheel): Promise<string | undefined> {
  const stem = `${wheel.name.replaceAll('-', '_')}-${wheel.version}-`;
  return (await readdir(folder)).find((file) => file.startsWith(stem) && file.endsWith('.whl'));
}

async function keptWheel(setup: Setup, wheel: Wheel): Promise<string | undefined> {
  const { wheels } = setup.cache;
  if (!existsSync(wheels)) return undefined;
  const found = await wheelIn(wheels, wheel);
  if (found === undefined) return undefined;
  const path = join(wheels, found);
  return (await sha256Of(path)) === wheel.sha256 ? path : undefined;
}

async function keep(setup: Setup, path: string): Promise<void> {
  const { wheels } = setup.cache;
  await mkdir(wheels, { recursive: true });
  const location = join(wheels, path.slice(path.lastIndexOf('/') + 1));
  if (existsSync(location)) return;
  await link(path, location).catch(() => copyFile(path, location));
}

async function requireDigest(wheel: Wheel, path: string): Promise<void> {
  const found = await sha256Of(path);
  if (found === wheel.sha256) return;
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `${wheel.name} ${wheel.version} has SHA-256 ${found.slice(0, 12)}…; it must be ${wheel.sha256.slice(0, 12)}…`,
    hint: 'the index served a different file; check pip’s index (pip config list)',
  });
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile())
    .map(async (file) => (await stat(join(file.parentPath, file.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
