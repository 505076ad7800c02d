// Reads a verified checkpoint into tensors that are already there, or into shards of them: whatever
// world wrote it, and whatever world reads it, the elements are the same.
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { sizeOf, type TensorShard } from '../sharding/shards.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages } from '../tensor/tensor.ts';
import type { CheckpointManifest } from './manifest.ts';

/**
 * Copies the elements of every target from the checkpoint, in the types that the targets have. A
 * tensor that the checkpoint lacks, in whole or in part, is an error; those it has besides are left
 * alone.
 */
export function loadState(
  folder: string,
  manifest: CheckpointManifest,
  targets: ReadonlyMap<string, TensorShard>,
): void {
  const stored = Map.groupBy(manifest.tensors, ({ name }) => name);
  const copies = [...targets].flatMap(([name, target]) =>
    copiesOf(folder, name, target, stored.get(name) ?? []),
  );
  for (const [file, ofFile] of Map.groupBy(copies, (copy) => copy.file)) {
    using open = openSafetensors(join(folder, file));
    for (const copy of ofFile) scope(() => perform(open, copy));
  }
}

type StoredTensor = CheckpointManifest['tensors'][number];

interface Copy {
  readonly file: string;
  readonly name: string;
  readonly target: TensorShard;
  /** First element in what is stored and in the target, and how many. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** What has to be copied from where, until each element of the target is there once. */
function copiesOf(
  folder: string,
  name: string,
  target: TensorShard,
  stored: readonly StoredTensor[],
): readonly Copy[] {
  const refuse = (what: string): never => {
    throw new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message: `${folder} ${what}` });
  };
  if (stored.length === 0) {
    refuse(`has no tensor ${name}; it was written by another method or version`);
  }
  const end = target.start + target.tensor.numel;
  let at = target.start;
  const copies: Copy[] = [];
  for (const shard of stored.map(rangeOf).sort((a, b) => a.start - b.start)) {
    if (!areAlike(shard.whole, target.whole)) {
      refuse(`has ${name} as [${shard.whole}]; it is [${target.whole}] here`);
    }
    const last = Math.min(end, shard.start + shard.count);
    if (shard.start > at || last <= at) continue;
    const from = at - shard.start;
    copies.push({
      ...{ file: shard.file, name, target, from, to: at - target.start, count: last - at },
    });
    at = last;
  }
  if (at < end) refuse(`lacks ${end - at} of ${sizeOf(target.whole)} elements of ${name}`);
  return copies;
}

/**
 * Whether elements in row order mean the same: state that belongs to no shape is flat in one world
 * and not in another.
 */
function areAlike(a: readonly number[], b: readonly number[]): boolean {
  if (a.length === 1 || b.length === 1) return sizeOf(a) === sizeOf(b);
  return String(a) === String(b);
}

function rangeOf({ file, start, shape, whole }: StoredTensor) {
  if (whole === undefined) return { file, start: 0, count: sizeOf(shape), whole: shape };
  return { file, start: start[0] ?? 0, count: sizeOf(shape), whole };
}

function perform(open: SafetensorsFile, { name, target, from, to, count }: Copy): void {
  const flat = (tensor: TensorShard['tensor'], first: number) =>
    ops.narrow(ops.view(tensor, [-1]), 0, first, count);
  const stored = open.load(name);
  ops.copy_(flat(target.tensor, to), flat(stored, from));
  // Of a file that is read once, or all of it would be in memory beside its copy.
  releasePages(stored);
}
