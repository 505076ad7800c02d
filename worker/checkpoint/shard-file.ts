// What one rank adds to a checkpoint: a file of tensors, and what the manifest says of it. The
// ranks write into one folder; each leaves its part of the manifest beside its file, and rank 0
// takes the parts when all are there.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { jsonLimits } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { beginSafetensors } from '../files/safetensors.ts';
import type { TensorShard } from '../sharding/shards.ts';
import { manifestFile, manifestTensor } from './manifest.ts';

const shardPart = z.object({
  file: manifestFile,
  tensors: z.array(manifestTensor),
});

export type ShardPart = z.output<typeof shardPart>;

/** A file of tensors that is written and not on the disk yet. */
interface BegunShard extends AsyncDisposable {
  /** Leaves this rank's part of the manifest when the file is on the disk. */
  end(): Promise<ShardPart>;
}

/** Writes what a rank keeps of the tensors; on return they may change. */
export async function beginShard(
  folder: string,
  rank: number,
  kept: ReadonlyMap<string, TensorShard>,
): Promise<BegunShard> {
  const name = shardName(rank);
  const tensors = new Map([...kept].map(([each, { tensor }]) => [each, tensor] as const));
  const written = await beginSafetensors(join(folder, name), tensors);
  const places = [...kept].map(([each, one]) => ({ name: each, file: name, ...placeOf(one) }));
  return {
    async end() {
      const { bytes, sha256 } = await written.commit();
      const part: ShardPart = { file: { name, bytes, sha256 }, tensors: places };
      await using file = await open(partPath(folder, rank), 'w');
      await file.writeFile(JSON.stringify(part));
      return part;
    },
    [Symbol.asyncDispose]: () => written[Symbol.asyncDispose](),
  };
}

function shardName(rank: number): string {
  return `shard-${rank}.safetensors`;
}

/** The parts of all ranks, by rank; their files are gone then. */
export async function takeParts(folder: string, ranks: number): Promise<readonly ShardPart[]> {
  const parts: ShardPart[] = [];
  for (let rank = 0; rank < ranks; rank += 1) {
    const path = partPath(folder, rank);
    parts.push(shardPart.parse(await readJsonFile(path, jsonLimits.checkpointManifest)));
    await rm(path);
  }
  return parts;
}

function partPath(folder: string, rank: number): string {
  return join(folder, `part-${rank}.json`);
}

function placeOf({
  tensor,
  start,
  whole,
}: TensorShard): Omit<ShardPart['tensors'][number], 'name' | 'file'> {
  const shape = [...tensor.shape];
  if (String(shape) === String(whole)) return { start: shape.map(() => 0), shape };
  return { start: [start], shape, whole: [...whole] };
}
