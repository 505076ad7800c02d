// Builds the images of toys and puts them on every node of our cluster.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { programs } from './access.ts';

export const toyImage = 'localhost/anneal-toy:test';
export const vllmImage = 'localhost/anneal-vllm:test';

const scripts = join(import.meta.dirname, '../setup/cluster');

export async function loadToyImage(): Promise<void> {
  const entry = ['-u', '10001:10001', '-E', '["node","/app/toy.mjs"]'];
  await load(toyImage, 'toy-worker', entry);
}

/** Root's, as the one of vLLM is, with the command on its path. */
export async function loadVllmImage(): Promise<void> {
  await load(vllmImage, 'toy-vllm', ['-e', 'PATH=/app:/usr/local/bin:/usr/bin:/bin']);
}

async function load(name: string, source: string, flags: readonly string[]): Promise<void> {
  if (programs === undefined) throw new Error('images can only be put on a cluster of our own');
  const folder = await mkdtemp(join(tmpdir(), 'anneal-toy-'));
  const archive = join(folder, 'toy.tar');
  const layers = ['debian', 'node'].map((layer) => join(programs ?? '', `layers/${layer}.tar`));
  const app = `${join(import.meta.dirname, source)}=/app`;
  const env = { CLUSTER_PROGRAMS: programs };
  try {
    await execa(
      join(scripts, 'image.sh'),
      [name, archive, '-w', '/app', ...flags, ...layers, app],
      {
        env,
      },
    );
    await execa(join(scripts, 'load.sh'), [archive], { env });
  } finally {
    await rm(folder, { recursive: true });
  }
}
