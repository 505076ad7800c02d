// What an adapter began with: the tensors that it decomposed from the weights before step 0. They
// are stored once for a run, and building, resuming and publishing all read them: another processor
// would find other signs and last bits. Checkpoints name their digest.
//
//   initial/<key>/   one file of tensors a rank, and a manifest as that of a checkpoint
//
// The key is that of what they were computed from. Rounds of workers share the folder, and none
// replaces what another finished first.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { type PreparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import type { World } from '../engine/world.ts';
import { isErrno } from '../files/errno.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { wholeTensor } from '../sharding/shards.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { syncFolder, verifyCheckpoint, writeManifest } from './folder.ts';
import { type CheckpointManifest, manifestVersion } from './manifest.ts';
import { beginShard, takeParts } from './shard-file.ts';

export interface InitialFactors extends Disposable {
  /** Of their values. */
  readonly digest: string;
  /** A mapped file: clone what is to stay or to change. */
  get(name: string): Tensor;
}

/** Where they are or will be. */
export interface InitialPlace {
  /** `initial` in the folder of the run. */
  readonly root: string;
  readonly key: string;
}

interface Records {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
}

/** Where the initial factors of a run are, and what they follow from. */
export function initialPlace(folder: string, { run, prepared, method }: Records): InitialPlace {
  const { model, data } = prepared;
  const { seed } = run.spec.training;
  return {
    root: run.initial ?? join(folder, runFiles.initial),
    key: digestOf({ model: model.digest, data: data.digest, method, seed }),
  };
}

/** Null where they were not computed yet; throws `E_CHECKPOINT_CORRUPTED` for damaged ones. */
export async function openInitialFactors({
  root,
  key,
}: InitialPlace): Promise<InitialFactors | null> {
  const folder = join(root, key);
  const names = await readdir(folder).catch((error) => {
    if (!isErrno(error, 'ENOENT')) throw error;
    return null;
  });
  if (names === null) return null;
  const manifest = await verifyCheckpoint(folder);
  const files = new Map(
    manifest.files.map(({ name }) => [name, openSafetensors(join(folder, name))] as const),
  );
  return {
    digest: digestOf(manifest.files.map(({ sha256 }) => sha256)),
    get: (name) => fileOf(name, manifest, files).load(name),
    [Symbol.dispose]() {
      for (const file of files.values()) file[Symbol.dispose]();
    },
  };
}

function fileOf(
  name: string,
  { tensors }: CheckpointManifest,
  files: ReadonlyMap<string, SafetensorsFile>,
): SafetensorsFile {
  const found = files.get(tensors.find((one) => one.name === name)?.file ?? '');
  if (found === undefined) throw new Bug(`the adapter did not begin with ${name}`);
  return found;
}

/** Refuses a checkpoint whose tensors were trained beside other factors. */
export function requireInitial(
  { initial }: CheckpointManifest,
  folder: string,
  own: string | undefined,
): void {
  if (initial === own) return;
  throw new TerminalError({
    code: 'E_PLAN_MISMATCH',
    message: `${folder} was trained beside other initial factors than those in the folder of the run; what they stand for is in no other file`,
    hint: 'put the folder initial of that run back, or start a new run of the job',
  });
}

interface Writing extends InitialPlace {
  /** Of this round, which all ranks share. */
  readonly partial: string;
  readonly base: string;
  readonly world: World;
}

/** Writes what each rank has, whole tensors by name. Collective. */
export async function writeInitialFactors(
  { root, key, partial, base, world }: Writing,
  tensors: ReadonlyMap<string, Tensor>,
): Promise<void> {
  const isFirst = world.rank === 0;
  if (isFirst) {
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
  }
  world.agree(false);
  const own = new Map([...tensors].map(([name, tensor]) => [name, wholeTensor(tensor)] as const));
  await using shard = await beginShard(partial, world.rank, own);
  await shard.end();
  world.agree(false);
  if (isFirst) {
    const parts = await takeParts(partial, world.size);
    await writeManifest(partial, {
      ...{ version: manifestVersion, step: 0, job: key, base, state: {} },
      files: parts.map(({ file }) => file),
      tensors: parts.flatMap((part) => part.tensors),
    });
    await takeName(partial, join(root, key));
  }
  world.agree(false);
}

/** Those of another round, which was quicker, stay. */
export async function takeName(partial: string, folder: string): Promise<void> {
  const root = dirname(folder);
  await mkdir(root, { recursive: true });
  await rename(partial, folder).catch((error) => {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  });
  await rm(partial, { recursive: true, force: true });
  await syncFolder(root);
}
