// Loads a verified checkpoint into existing tensors or shards. Elements are addressed in the
// logical tensor, so a world of any size reads a checkpoint of any other.
import { join } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { sizeOf, type TensorShard } from '../sharding/shards.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages } from '../tensor/tensor.ts';
import type { CheckpointManifest } from './manifest.ts';

/**
 * Copies the elements of every target from the checkpoint, converted to the types of the targets.
 * Tensors that no target names are ignored. Throws `E_CHECKPOINT_CORRUPTED` for missing elements.
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
  /** First element in the stored tensor and in the target, and their number. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** The copies that fill each element of the target once. */
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
 * Whether both shapes list the same elements in row order: state without a shape of its own may be
 * flat in one world and not in another.
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
  // The file is read once; its pages would stay in memory beside the copy.
  releasePages(stored);
}
