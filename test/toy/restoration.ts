// Toys of networks that restore pictures, in memory or as a folder, and pictures.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { TensorSpec } from '../../worker/families/family.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import { type Fields, toySource, toyTensors, writeTensors } from './weights.ts';

/** A `config.json` of two blocks with six channels, which doubles pictures. */
export function restorationJson(changes: Fields = {}): Fields {
  return {
    ...{ model_type: 'srvgg', architectures: ['SRVGGNetCompact'], num_in_ch: 3, num_out_ch: 3 },
    ...{ num_feat: 6, num_conv: 4, upscale: 2, act_type: 'prelu' },
    ...changes,
  };
}

const rule = (kind: TensorSpec['kind'], u: number, inputs: number): number => {
  if (kind === 'vector') return 0.25 + 0.3 * u;
  return kind === 'bias' ? 0.2 * u : (3 * u) / Math.sqrt(inputs);
};

export function restorationSource(changes: Fields = {}): ModelSource {
  return toySource(restorationJson(changes), { rule });
}

/** Returns the folder. */
export async function makeRestoration(
  folder: string,
  { dtype = 'float32', config = {} }: { readonly dtype?: DType; readonly config?: Fields } = {},
): Promise<string> {
  const json = restorationJson(config);
  await writeTensors(folder, toyTensors(json, { rule }), dtype);
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  return folder;
}

export interface Sides {
  readonly height: number;
  readonly width: number;
}

/** Values from 0 to 1 of pictures `[height, width, 3]`, another one for each seed. */
export function pictureValues({ height, width }: Sides, seeds: readonly number[]): Float32Array {
  const size = height * width * 3;
  const values = seeds.flatMap((seed) =>
    Array.from({ length: size }, (_, j) => ((37 * j * j + 11 * j + 211 * seed + 5) % 256) / 255),
  );
  return Float32Array.from(values);
}

/** Pictures of one size side by side, with targets that are `scale` times as large. */
export function pairSequence(
  seeds: readonly number[],
  { height = 5, width = 4, scale = 2, key = 0 } = {},
): HostSequence {
  const tokens = height * width;
  const all = seeds.length * tokens;
  const large = { height: height * scale, width: width * scale };
  return {
    ids: new Int32Array(all),
    labels: new Int32Array(all),
    positions: Int32Array.from({ length: all }, (_, token) => token % tokens),
    offsets: Int32Array.from({ length: seeds.length + 1 }, (_, picture) => picture * tokens),
    values: {
      input: { values: pictureValues({ height, width }, seeds), shape: [height, width, 3] },
      target: {
        values: pictureValues(
          large,
          seeds.map((seed) => seed + 1000),
        ),
        shape: [large.height, large.width, 3],
      },
    },
    targetCount: all,
    key,
  };
}
