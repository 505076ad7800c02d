// Builds the image of the toy worker and puts it on every node of our cluster.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { programs } from './access.ts';

export const toyImage = 'localhost/anneal-toy:test';

const scripts = join(import.meta.dirname, '../setup/cluster');

export async function loadToyImage(): Promise<void> {
  if (programs === undefined) throw new Error('images can only be put on a cluster of our own');
  const folder = await mkdtemp(join(tmpdir(), 'anneal-toy-'));
  const archive = join(folder, 'toy.tar');
  const layers = ['debian', 'node'].map((name) => join(programs ?? '', `layers/${name}.tar`));
  const entry = ['-u', '10001:10001', '-w', '/app', '-E', '["node","/app/toy.mjs"]'];
  const app = `${join(import.meta.dirname, 'toy-worker')}=/app`;
  const env = { CLUSTER_PROGRAMS: programs };
  try {
    await execa(join(scripts, 'image.sh'), [toyImage, archive, ...entry, ...layers, app], { env });
    await execa(join(scripts, 'load.sh'), [archive], { env });
  } finally {
    await rm(folder, { recursive: true });
  }
}
