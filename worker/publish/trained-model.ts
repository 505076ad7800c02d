// The trained model of a run in one piece, from the checkpoint of its result.
import { Bug } from '../../crds/failures/errors.ts';
import { type ResolvedMethod, resolveMethod } from '../../crds/index.ts';
import type { PreparedRecord, RunRecord, TrainedRecord } from '../../crds/wire/run-folder.ts';
import { verifyCheckpoint } from '../checkpoint/folder.ts';
import { initialPlace, openInitialFactors, requireInitial } from '../checkpoint/initial-factors.ts';
import { loadState } from '../checkpoint/load-state.ts';
import { valueTensors } from '../checkpoint/state-tensors.ts';
import { trainerState } from '../checkpoint/trainer-state.ts';
import { type ModelFiles, openModel } from '../decoder/model-files.ts';
import { followFormats } from '../engine/adaptive-formats.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import { readOptionsOf } from '../families/read-options.ts';
import type { Initial } from '../methods/adapters/adapter.ts';
import { buildOptionsOf } from '../methods/index.ts';
import { wholeShards } from '../sharding/shards.ts';

export interface TrainedRecords {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly trained: TrainedRecord;
}

interface TrainedModel extends Disposable {
  readonly method: ResolvedMethod;
  /** Of the base. */
  readonly files: ModelFiles;
  readonly model: Model;
  readonly initial: Initial;
}

/** `folder`: that of the run. */
export async function openTrainedModel(
  folder: string,
  { run, prepared, trained }: TrainedRecords,
): Promise<TrainedModel> {
  const method = resolveMethod(run.spec.method);
  using unfinished = new DisposableStack();
  const files = unfinished.use(openModel(prepared.model.path, readOptionsOf(run.spec)));
  const checkpoint = trained.result ?? trained.checkpoint;
  const manifest = await verifyCheckpoint(checkpoint);
  const factors = await openInitialFactors(initialPlace(folder, { run, prepared, method }));
  if (factors !== null) unfinished.use(factors);
  requireInitial(manifest, checkpoint, factors?.digest);
  const initial: Initial = (name) => factors?.get(name) ?? missing(name);
  const model = buildModel(modelSource(files), { ...buildOptionsOf(run.spec, method), initial });
  unfinished.use(model.parameters);
  loadState(checkpoint, manifest, valueTensors(wholeShards(model.parameters, 'trained', 'chosen')));
  const { formats } = trainerState.pick({ formats: true }).parse(manifest.state);
  followFormats(model, formats, null);
  const opened = unfinished.move();
  return { method, files, model, initial, [Symbol.dispose]: () => opened.dispose() };
}

function missing(name: string): never {
  throw new Bug(`there is no initial factor ${name}`);
}
