/**
 * An installation of Anneal with CUDA kernels on a machine with GPUs, as far as the product can
 * tell: the kernels are those of the emulated device, and `nvidia-smi` lists a card.
 */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cardLine, nvidiaSmi } from '../../doubles/nvidia-smi.ts';
import { emulatorHere } from '../../setup/emulator.ts';

const built = join(import.meta.dirname, '../../../worker/native/dist');

/** Made below `folder`; the answer is the environment of its programs. */
export async function installation(
  folder: string,
  devices = 1,
): Promise<Readonly<Record<string, string>>> {
  const native = join(folder, 'native');
  await mkdir(native, { recursive: true });
  for (const name of ['anneal.node', 'libanneal_kernels.so']) {
    await symlink(join(built, name), join(native, name));
  }
  const indices = Array.from({ length: devices }, (_, index) => index);
  await symlink(await emulatorHere(), join(native, 'libanneal_kernels_cuda.so'));
  return {
    ANNEAL_NATIVE: join(native, 'anneal.node'),
    ANNEAL_EMULATED_DEVICES: String(devices),
    CUDA_VISIBLE_DEVICES: indices.join(','),
    PATH: await nvidiaSmi(
      folder,
      indices.map((index) => cardLine({ index })),
    ),
  };
}
