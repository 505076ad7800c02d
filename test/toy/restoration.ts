// Toys of networks that restore pictures: weights by a rule of integers, in memory or as a folder,
// and pictures.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import { shapeInMemory, type TensorSpec } from '../../worker/families/family.ts';
import { writeSafetensorsModel } from '../../worker/files/safetensors-model.ts';
import { readRestorationConfig } from '../../worker/restoration/config.ts';
import { restorationTensors } from '../../worker/restoration/names.ts';
import type { DType } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { tensor } from '../../worker/tensor/tensor.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A `config.json` of two blocks with six channels, which doubles pictures. */
export function restorationJson(changes: Fields = {}): Fields {
  return {
    ...{ model_type: 'srvgg', architectures: ['SRVGGNetCompact'], num_in_ch: 3, num_out_ch: 3 },
    ...{ num_feat: 6, num_conv: 4, upscale: 2, act_type: 'prelu' },
    ...changes,
  };
}

/** Element j of tensor t, with t in the order of computation. */
function valuesOf({ shape, kind }: TensorSpec, t: number): Float64Array {
  const size = shape.reduce((product, each) => product * each, 1);
  const inputs = size / (shape[0] ?? 1);
  return Float64Array.from({ length: size }, (_, j) => {
    const u = ((31 * j * j + 17 * j + 101 * t + 7) % 997) / 997 - 0.5;
    if (kind === 'vector') return 0.25 + 0.3 * u;
    return kind === 'bias' ? 0.2 * u : (3 * u) / Math.sqrt(inputs);
  });
}

function toyTensors(json: Fields) {
  const specs = restorationTensors(readRestorationConfig(json));
  return new Map(specs.map((spec, t) => [spec.name, { spec, values: valuesOf(spec, t) }]));
}

export function restorationSource(changes: Fields = {}): ModelSource {
  const json = restorationJson(changes);
  const tensors = toyTensors(json);
  return {
    config: readRestorationConfig(json),
    tensorNames: [...tensors.keys()],
    isBfloat16: () => false,
    load(name, dtype) {
      const found = tensors.get(name);
      if (found === undefined) throw new Error(`no tensor ${name}`);
      return ops.to(tensor(found.values, shapeInMemory(found.spec)), dtype);
    },
  };
}

/** Returns the folder. */
export async function makeRestoration(
  folder: string,
  { dtype = 'float32', config = {} }: { readonly dtype?: DType; readonly config?: Fields } = {},
): Promise<string> {
  const json = restorationJson(config);
  const planned = [...toyTensors(json)].map(([name, { spec, values }]) => {
    const make = () => scope(() => ops.to(tensor(values, spec.shape), dtype));
    return [name, { shape: spec.shape, dtype, make }] as const;
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensorsModel(folder, new Map(planned));
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
