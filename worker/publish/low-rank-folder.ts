// The branch of low rank beside integers, as an adapter in PEFT's format in a folder of the model
// that it belongs to: on the model with its norms as they were smoothed, and on no other. Values
// are of bfloat16.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, type WritableTensor } from '../files/safetensors.ts';
import {
  type Adapter,
  factorA,
  factorB,
  keptOf,
  type LinearLayer,
} from '../methods/adapters/adapter.ts';
import { plainDelta } from '../methods/adapters/delta.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { commonConfig, prefix, tensorFile, writeAdapter } from './peft-files.ts';

const folderName = 'low-rank';

export interface Branches {
  /** The most that a layer has; those of smaller matrices have as many as these. */
  readonly rank: number;
  readonly layers: readonly LinearLayer[];
  readonly of: (path: string) => Readonly<Record<'A' | 'B', Tensor>>;
}

/** Bytes of its tensors. */
export async function writeBranches(
  folder: string,
  facts: ArtifactFacts,
  { rank, layers, of }: Branches,
): Promise<number> {
  const place = join(folder, folderName);
  await mkdir(place);
  const tensors = layers.flatMap(({ path, out, in: inputs }) => {
    const own = Math.min(rank, out, inputs);
    const made = (factor: 'A' | 'B', shape: readonly number[]): WritableTensor => ({
      ...{ shape, dtype: 'bfloat16' },
      make: () => ops.to(of(path)[factor], 'bfloat16'),
    });
    return [
      [`${prefix}${path}.${factorA}`, made('A', [own, inputs])],
      [`${prefix}${path}.${factorB}`, made('B', [out, own])],
    ] as const;
  });
  const smaller = layers.flatMap(({ path, out, in: inputs }) => {
    const own = Math.min(rank, out, inputs);
    return own < rank ? [[path, own] as const] : [];
  });
  return writeAdapter(
    place,
    new Map(tensors),
    {
      ...commonConfig(facts, layers),
      // The model in the folder above, wherever that is.
      base_model_name_or_path: null,
      ...{ init_lora_weights: true, peft_type: 'LORA', use_dora: false, use_rslora: false },
      ...{ lora_dropout: 0, r: rank, lora_alpha: rank },
      rank_pattern: Object.fromEntries(smaller),
      alpha_pattern: Object.fromEntries(smaller),
    },
    facts,
  );
}

interface ReadBranches {
  readonly adapter: Adapter;
  /** The factors of a layer, float32. */
  branch(path: string): Readonly<Record<'A' | 'B', Tensor>>;
}

/** What a model has that is read back with its branch. */
export function readBranches(folder: string): ReadBranches & Disposable {
  const file = openSafetensors(join(folder, folderName, tensorFile));
  const read = (path: string) => (suffix: string) => {
    const mapped = file.load(`${prefix}${path}.${suffix}`);
    const own = ops.to(mapped, 'float32');
    releasePages(mapped);
    return own;
  };
  return {
    adapter: {
      name: 'LoRA',
      targets: () => true,
      initialize: ({ path }) => ({
        trained: {},
        kept: scope(() => keptOf(read(path), [factorA, factorB])),
      }),
      factors: (_, tensors) => plainDelta(tensors(factorA), tensors(factorB), 1),
      learningRateFactor: () => 1,
      decays: () => false,
    },
    branch: (path) => ({ A: read(path)(factorA), B: read(path)(factorB) }),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}
