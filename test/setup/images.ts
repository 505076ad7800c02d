/**
 * The images of the operator and the worker without a Docker daemon: what charts/images/Dockerfile
 * copies into them is assembled by the same program, user, environment and entry point are read
 * from it, and the base is the Debian layer of the test cluster.
 */
import { createHash } from 'node:crypto';
import { glob, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { assemble } from '../../charts/images/assemble.ts';
import { type PartName, parts } from '../../charts/images/parts.ts';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { ensureNative } from '../../cli/setup/native.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { type ImageSettings, settingsOf } from './dockerfile.ts';

export const imageName = (part: PartName): string => `localhost/anneal-${part}:test`;

const checkout = join(import.meta.dirname, '../..');
const cluster = join(import.meta.dirname, 'cluster');

/** Archives of both images, made once for the sources that they hold. */
export async function ensureImages(
  setup: Setup,
  programs: string,
): Promise<Readonly<Record<PartName, string>>> {
  await ensureNative(setup, checkout);
  const folder = join(setup.cache.root, `images-${(await digest(programs)).slice(0, 12)}`);
  const made = await ensureEntry(setup, {
    folder,
    // Layers, and their copies in the archives.
    bytes: 2.5e9,
    make: (staging) =>
      setup.steps.step('images', 'of the operator and the worker', () => make(staging, programs)),
  });
  await removeOlder(setup, folder);
  return { worker: join(made, 'worker.tar'), operator: join(made, 'operator.tar') };
}

async function make(staging: string, programs: string): Promise<void> {
  const dockerfile = await readFile(join(checkout, 'charts/images/Dockerfile'), 'utf8');
  for (const part of Object.keys(parts) as PartName[]) {
    const files = join(staging, part);
    await assemble(part, files);
    const layers = ['debian', 'node'].map((name) => join(programs, `layers/${name}.tar`));
    // Libraries lie below what changes more often, so that a node takes them once.
    if (parts[part].native) layers.push(`${files}/opt=/opt`);
    layers.push(`${files}/app=/app`);
    const flags = flagsOf(settingsOf(dockerfile, part));
    const archive = join(staging, `${part}.tar`);
    await execa(join(cluster, 'image.sh'), [imageName(part), archive, ...flags, ...layers]);
    await rm(files, { recursive: true });
  }
}

export function flagsOf({ env, user, folder, entry }: ImageSettings): readonly string[] {
  const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [...variables, '-u', user, '-w', folder, '-E', JSON.stringify(entry)];
}

/** Of everything that goes into an archive; the addon stands for its sources and its libtorch. */
async function digest(programs: string): Promise<string> {
  const sources = '{crds,worker,operator,cli,charts/images}/**/*.{ts,tsx}';
  const names = ['charts/images/Dockerfile', 'package-lock.json', 'tsconfig.build.json'];
  for await (const name of glob([sources, 'worker/native/dist/*'], { cwd: checkout })) {
    names.push(name);
  }
  const hash = createHash('sha256').update(programs);
  for (const name of names.sort()) hash.update(name).update(await readFile(join(checkout, name)));
  return hash.digest('hex');
}

/** An archive has half a gigabyte, and each edit makes a new one. */
async function removeOlder(setup: Setup, newest: string): Promise<void> {
  for await (const name of glob('images-*', { cwd: setup.cache.root })) {
    const folder = join(setup.cache.root, name);
    if (folder !== newest) await rm(folder, { recursive: true, force: true });
  }
}
