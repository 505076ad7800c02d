// The model of the coordinator: what it begins with, and how good a state is on the records that it
// holds out.
import { type ResolvedMethod, resolveMethod } from '../../crds/index.ts';
import { learningRateAt, totalSteps } from '../../crds/plan/steps.ts';
import type { FederatedState, RoundResult } from '../../crds/wire/federation.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { toJudge } from '../checkpoint/federated-start.ts';
import { type Feed, openFeed } from '../data/feed.ts';
import { type ModelFiles, openModel } from '../decoder/model-files.ts';
import type { Model } from '../engine/model.ts';
import { buildOptionsOf } from '../methods/index.ts';
import type { RoleContext } from '../role.ts';
import { requireRecord } from '../run-folder.ts';
import { joinedAlone } from '../sharding/join-world.ts';
import { setThreads } from '../tensor/threads.ts';
import { finiteOrNull } from '../train/evaluation.ts';
import { heldOutLoss } from '../train/held-out-loss.ts';
import { loadModel } from '../train/load-model.ts';
import { trainerMemory } from '../train/memory-plan.ts';
import { openDevice } from '../train/open-device.ts';
import { federatedOf } from './round-files.ts';

/** What the hub has open while it works on a round. */
export interface Hub extends Disposable {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly files: ModelFiles;
  readonly feed: Feed;
}

export async function openHub({ folder, stop }: RoleContext): Promise<Hub> {
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  using unfinished = new DisposableStack();
  setThreads(run.threads);
  const files = unfinished.use(openModel(prepared.model.path));
  const feed = unfinished.use(await openFeed(run.spec, prepared.data, stop));
  const opened = unfinished.move();
  return {
    ...{ run, prepared, method: resolveMethod(run.spec.method), files, feed },
    [Symbol.dispose]: () => opened.dispose(),
  };
}

/** Without a state, the adapter begins as its method says. */
export async function withModel<T>(
  context: RoleContext,
  hub: Hub,
  state: FederatedState | null,
  act: (model: Model) => Promise<T>,
): Promise<T> {
  const { run, method, feed } = hub;
  const plain = buildOptionsOf(run.spec, method);
  const { root } = federatedOf(run);
  const options = state === null ? plain : await toJudge(root, state, plain);
  const device = openDevice(run.device, method);
  const { training } = run.spec;
  const total = totalSteps(training, feed.sequences, feed.sequencesPerStep);
  const loaded = await loadModel(context, {
    ...{ ...hub, device, joined: joinedAlone, options },
    modes: trainerMemory({ ...hub, device }, context).plan.blocks,
    learningRate: learningRateAt({ ...training, totalSteps: total }, 0),
    stopping: () => context.stop.aborted,
  });
  using held = loaded.held;
  return await act(held.model);
}

export async function judged(
  { stop, emit }: RoleContext,
  model: Model,
  feed: Feed,
): Promise<RoundResult['evaluation']> {
  emit({ type: 'stage', stage: 'Evaluate', state: 'Started', subject: 'on held-out records' });
  const found = await heldOutLoss(model, feed.evaluationSequences(), () => stop.aborted);
  emit({ type: 'stage', stage: 'Evaluate', state: 'Done' });
  if (found === null) throw stop.reason;
  const { loss, accuracy, tokens } = found;
  return { loss: finiteOrNull(loss), accuracy: finiteOrNull(accuracy), tokens };
}
