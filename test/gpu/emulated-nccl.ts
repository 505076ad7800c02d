/**
 * The emulated device as NCCL, and as the part of the driver that tells one device from another:
 * its library under their names, in a folder that the loader searches first.
 */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { emulatorHere } from '../setup/emulator.ts';

/** Made below `folder`; the answer is for the environment of programs that are to find it. */
export async function emulatedNccl(folder: string): Promise<Readonly<Record<string, string>>> {
  const found = join(folder, 'nccl');
  const library = await emulatorHere();
  await mkdir(found, { recursive: true });
  for (const name of ['libnccl.so.2', 'libcuda.so.1']) await symlink(library, join(found, name));
  const before = process.env['LD_LIBRARY_PATH'];
  return { LD_LIBRARY_PATH: before ? `${found}:${before}` : found };
}
