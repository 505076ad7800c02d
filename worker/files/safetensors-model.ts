// Writes the tensors of a model in the files that other tools expect: `model.safetensors`, or
// shards and their index.
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dtypeBytes } from '../tensor/dtype.ts';
import { type WritableTensor, type WrittenFile, writeSafetensors } from './safetensors.ts';
import { indexFileName, printSafetensorsIndex } from './safetensors-index.ts';

interface ShardOptions {
  /** @default 5 GB, as on the hub */
  readonly maxShardBytes?: number;
  readonly signal?: AbortSignal;
}

type Tensors = ReadonlyMap<string, WritableTensor>;

/** Tensors keep the order of the map across shards. Returns the files without the index. */
export async function writeSafetensorsModel(
  folder: string,
  tensors: Tensors,
  { maxShardBytes = 5e9, signal }: ShardOptions = {},
): Promise<readonly WrittenFile[]> {
  const shards = splitShards(tensors, maxShardBytes);
  const written: WrittenFile[] = [];
  const files = new Map<string, string>();
  for (const [i, shard] of shards.entries()) {
    const file = shardName(i, shards.length);
    for (const name of shard.keys()) files.set(name, file);
    written.push(await writeSafetensors(join(folder, file), shard, { format: 'pt' }, signal));
  }
  const index = join(folder, indexFileName);
  // Readers would prefer the index of an earlier export to the one file.
  if (shards.length === 1) await rm(index, { force: true });
  else {
    const totalBytes = [...tensors.values()].reduce((sum, each) => sum + bytesOf(each), 0);
    await writeFile(index, printSafetensorsIndex({ files, totalBytes }));
  }
  return written;
}

/** Fills shards in order; a tensor larger than a shard gets one of its own. Pure. */
export function splitShards(tensors: Tensors, maxShardBytes: number): readonly Tensors[] {
  const shards: Map<string, WritableTensor>[] = [new Map()];
  let bytes = 0;
  for (const [name, tensor] of tensors) {
    const size = bytesOf(tensor);
    if (bytes > 0 && bytes + size > maxShardBytes) {
      shards.push(new Map());
      bytes = 0;
    }
    shards.at(-1)?.set(name, tensor);
    bytes += size;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const five = (n: number): string => String(n).padStart(5, '0');
  return `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

function bytesOf({ shape, dtype }: WritableTensor): number {
  return shape.reduce((product, size) => product * size, 1) * dtypeBytes(dtype);
}
