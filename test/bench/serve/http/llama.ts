// llama.cpp's half of a comparison: the loop of its server in a process without HTTP.
import { join } from 'node:path';
import { execa } from 'execa';
import type { NativeLlama } from '../../../setup/llama-native.ts';
import type { Driven } from './drive.ts';
import type { Files } from './files.ts';
import type { Asked } from './schedule.ts';
import { context, together } from './servers.ts';

interface Wanted {
  readonly files: Files;
  /** A GGUF file. */
  readonly base: string;
  readonly adapters: number;
  readonly threads: number;
  readonly tokens: number;
  readonly schedule: readonly Asked[];
}

/** All requests are there at the start; 16 are open at once. */
export async function driveLlama(
  { python, variables }: NativeLlama,
  { files, adapters, ...wanted }: Wanted,
): Promise<Driven> {
  const loras = files.names
    .slice(0, adapters)
    .map((name) => join(files.loras, `${name}.lora.gguf`));
  const input = JSON.stringify({ ...wanted, loras, together, context });
  const script = join(import.meta.dirname, 'llama_batch.py');
  const { stdout } = await execa(python, [script], { input, env: variables });
  // The script writes exactly this; it is ours.
  return JSON.parse(stdout) as Driven;
}
