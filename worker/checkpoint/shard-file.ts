// One rank's part of a checkpoint: a file of tensors and its entries in the manifest. The ranks
// write into one folder; each leaves its entries beside its file, and rank 0 collects them.
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

/** A file of tensors that is written but not yet synced. */
interface BegunShard extends AsyncDisposable {
  /** Syncs the file, then leaves this rank's part of the manifest. */
  end(): Promise<ShardPart>;
}

/** Writes this rank's shards of the tensors; on return they may change. */
export async function beginShard(
  folder: string,
  rank: number,
  kept: ReadonlyMap<string, TensorShard>,
): Promise<BegunShard> {
  const name = shardName(rank);
  const tensors = new Map([...kept].map(([each, { tensor }]) => [each, tensor] as const));
  const written = await beginSafetensors(join(folder, name), tensors);
  const entries = [...kept].map(([each, one]) => ({ name: each, file: name, ...rangeOf(one) }));
  return {
    async end() {
      const { bytes, sha256 } = await written.commit();
      const part: ShardPart = { file: { name, bytes, sha256 }, tensors: entries };
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

/** Reads the parts of all ranks, by rank, and removes their files. */
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

function rangeOf({
  tensor,
  start,
  whole,
}: TensorShard): Omit<ShardPart['tensors'][number], 'name' | 'file'> {
  const shape = [...tensor.shape];
  if (String(shape) === String(whole)) return { start: shape.map(() => 0), shape };
  return { start: [start], shape, whole: [...whole] };
}
