// What an adapter began with: the tensors that it decomposed from the weights before step 0. They
// are stored once for a run, and building, resuming and publishing all read them: another processor
// would find other signs and last bits. Checkpoints name their digest.
import { join } from 'node:path';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { type PreparedRecord, type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { openSafetensors, type SafetensorsFile } from '../files/safetensors.ts';
import { wholeTensor } from '../sharding/shards.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  beginInitial,
  endInitial,
  folderOf,
  type InitialPlace,
  type InitialWriting,
  verifyInitial,
} from './initial-folder.ts';
import type { CheckpointManifest } from './manifest.ts';
import { beginShard } from './shard-file.ts';

export interface InitialFactors extends Disposable {
  /** Of their values. */
  readonly digest: string;
  /** A mapped file: clone what is to stay or to change. */
  get(name: string): Tensor;
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
export async function openInitialFactors(place: InitialPlace): Promise<InitialFactors | null> {
  const manifest = await verifyInitial(place);
  if (manifest === null) return null;
  const folder = folderOf(place);
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

/** Writes what each rank has, whole tensors by name. Collective. */
export async function writeInitialFactors(
  writing: InitialWriting,
  tensors: ReadonlyMap<string, Tensor>,
): Promise<void> {
  const { partial, world } = writing;
  await beginInitial(writing);
  const own = new Map([...tensors].map(([name, tensor]) => [name, wholeTensor(tensor)] as const));
  await using shard = await beginShard(partial, world.rank, own);
  await shard.end();
  await endInitial(writing, world.size);
}
