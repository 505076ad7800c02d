// The role `train`: takes prepared model and data, writes checkpoints and a report. Builds the
// parts that the job asks for and hands them to the loop.

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { programVersion, type ResolvedMethod, resolveMethod } from '../../crds/index.ts';
import { requireKasa } from '../../crds/plan/kasa.ts';
import type { MemoryPlan } from '../../crds/plan/memory.ts';
import { requireSearchSteps } from '../../crds/plan/require-search.ts';
import { requireShira } from '../../crds/plan/shira.ts';
import { learningRateAt, totalSteps } from '../../crds/plan/steps.ts';
import { trainDigest } from '../../crds/plan/train-digest.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  trainedRecord,
} from '../../crds/wire/run-folder.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { checkpointsOf, type RunCheckpoints } from '../checkpoint/checkpoints.ts';
import { toTrain } from '../checkpoint/federated-start.ts';
import { removeJoined } from '../checkpoint/joined-copy.ts';
import { StateCopies } from '../checkpoint/state-copies.ts';
import { storedSaves } from '../checkpoint/stored-save.ts';
import { freshState, type TrainerState } from '../checkpoint/trainer-state.ts';
import type { WorkerConfig } from '../config.ts';
import type { Feed } from '../data/feed.ts';
import { type ModelFiles, openModel } from '../decoder/model-files.ts';
import { factsOf } from '../decoder/registry.ts';
import { activationOffload } from '../engine/activation-offload.ts';
import type { BuildOptions } from '../engine/build-model.ts';
import { settleRanks } from '../engine/growth.ts';
import { regrow } from '../engine/regrowth.ts';
import { rests } from '../engine/resting.ts';
import { Updater } from '../engine/update.ts';
import { WeightNoise } from '../engine/weight-noise.ts';
import type { World } from '../engine/world.ts';
import { readOptionsOf } from '../families/read-options.ts';
import { buildOptionsOf, densityLossOf, noiseOf, optimizerOf } from '../methods/index.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { type JoinedWorld, joinWorld } from '../sharding/join-world.ts';
import { OptimizerStates } from '../sharding/optimizer-states.ts';
import type { ShardedModel } from '../sharding/sharded-model.ts';
import { lifeIn } from '../telemetry/life.ts';
import { type Board, noBoard, openBoard } from '../telemetry/tensorboard.ts';
import type { Device } from '../tensor/device.ts';
import { resetMemoryPeaks, trimMemory } from '../tensor/memory.ts';
import { setThreads } from '../tensor/threads.ts';
import { blockScores } from './block-scores.ts';
import { chooseAllCodes } from './initial-codes.ts';
import { openJobFeed } from './job-feed.ts';
import { loadModel } from './load-model.ts';
import { type TrainerParts, type TrainerPlan, type TrainerResult, train } from './loop.ts';
import {
  roomBeside,
  type TrainerMemory,
  trainerMemory,
  withinDeviceMemory,
  withRanks,
} from './memory-plan.ts';
import { movesOf } from './moves.ts';
import { openDevice } from './open-device.ts';
import { privateBatches } from './private-batches.ts';
import { Recorder } from './recorder.ts';
import { chooseResult } from './result.ts';
import { distillationOf } from './teacher.ts';
import { writersOf } from './writers.ts';

export const trainRole: Role = async (context) => {
  const { config, folder, stop } = context;
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const startedAt = context.clock.now();
  const method = resolveMethod(run.spec.method);
  const device = computeOn(run, method, config);
  using joined = joinWorld(config, device, context.emit);
  const { world } = joined;
  using files = openModel(prepared.model.path, readOptionsOf(run.spec));
  requireShira(run.spec, factsOf(files.config, files.headers));
  requireKasa(run.spec, factsOf(files.config, files.headers));
  using feed = await openJobFeed(run.spec, prepared.data, { method, files, device, world }, stop);
  const memory = trainerMemory({ run, method, files, feed, device }, context);
  await context.packed?.admitted(memory.run, {
    stop,
    onWait: (message) => context.emit({ type: 'warning', reason: 'NoPoolCapacity', message }),
  });
  await withinDeviceMemory(memory, device, () =>
    trainWithin(context, { run, prepared, method, device, joined, files, feed, memory, startedAt }),
  );
};

/** What a trainer has once it knows its memory. */
interface Opened {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly device: Device;
  readonly joined: JoinedWorld;
  readonly files: ModelFiles;
  readonly feed: Feed;
  readonly memory: TrainerMemory;
  readonly startedAt: number;
}

async function trainWithin(context: RoleContext, opened: Opened): Promise<void> {
  const { config, folder, clock, stop, packed } = context;
  const { run, prepared, method, files, feed, startedAt } = opened;
  const { world } = opened.joined;
  const optimizer = optimizerOf(method, Number(run.spec.training.learningRate));
  const options = await optionsOf(run, method, feed);
  const stopping = stopOf(context, world);
  const first = trainerPlan(run, opened.memory.plan, feed);
  using distillation = await distillationOf(context, { ...opened, options, stopping, ...first });
  const loaded = await loadModel(context, {
    ...{ ...opened, options, stopping, modes: first.modes },
    learningRate: first.learningRate(0),
  });
  using held = loaded.held;
  const memory = withRanks(opened.memory, loaded.ranks);
  const plan = { ...first, modes: memory.plan.blocks };
  const { model, shards } = held;
  using states = new OptimizerStates(shards, optimizer, (parameter, step) =>
    rests(model.adapter, parameter, { step, totalSteps: plan.totalSteps }),
  );
  const recorder = new Recorder({
    ...{ run, prepared, method, files, model, memory, plan, feed, packed: packed?.all },
    ...{ workers: world.size, group: opened.joined.group, version: programVersion, startedAt },
  });
  using board = world.rank === 0 ? boardOf(context, run, prepared, method) : noBoard;
  const emit = recordedEmit(recorder, board, context);
  if (config.member?.cause !== undefined) emit(restarted(config.member.cause));
  using noise = noiseIn(held, run, method, world);
  const trained = { shards, states, common: noise?.common };
  const life = () => recorder.lifeAt(clock.now());
  const own = { ...checkpointSettings(run, prepared), initial: loaded.initial };
  const saving = { world, clock, emit, life, ...own };
  const checkpoints = checkpointsOf(trained, { ...locationOf(context), ...saving });
  const copies =
    config.copies &&
    new StateCopies(trained, { plan: config.copies, room: () => roomBeside(config), ...saving });
  const scores = await blockScores(context, { method, prepared, model, feed, world });
  const restored = await restoreAny(held, checkpoints, config.copies);
  recorder.resumeFrom(lifeIn(checkpoints.life));
  if (restored === null) {
    await chooseAllCodes(context, run, method, { files, held, world, stopping });
  }
  emit(recorder.planMessage(restored?.step ?? 0));
  if (!memory.plan.fits) emit(doesNotFit(memory.plan));
  using offload = activationOffload(model.device, folder);
  const parts: TrainerParts = {
    ...{ model, world, plan, emit, clock, shards, states, offload },
    ...changesOf(held, states),
    said: () => optimizer.describe?.(world.sum) ?? saidByAdapter(held, world),
    ...(copies && { copies }),
    ...{ ...densityLossOf(method), noise: noise ?? undefined },
    ...(distillation && { distillation }),
    ...movesOf(run.spec, method, model, scores),
    updater: held.offered(new Updater(optimizer, states.byName, clipOf(run), world)),
    ...{ batch: feed.batch, ...(await privateBatches(folder, run, feed)) },
    ...{ evaluationSequences: feed.evaluationSequences, waited: held.waited },
    ...(await writersOf(opened, model, world)),
    checkpoints: agreedOn(checkpoints, context, world, held),
    stopping,
    turn: () => packed?.all.turn() ?? setImmediate(),
  };
  trimMemory();
  const ended = await train(parts, restored ?? freshState);
  if (world.rank === 0) await writeResult({ context, run, prepared, checkpoints, recorder }, ended);
  if (ended.reason === 'Stopped') stop.throwIfAborted();
}

/** How the model that trains is built. */
async function optionsOf(
  run: RunRecord,
  method: ResolvedMethod,
  { following }: Feed,
): Promise<BuildOptions> {
  const own = await toTrain(run, buildOptionsOf(run.spec, method));
  return following?.(own) ?? own;
}

/** What an adapter changes after a step, beside its update. */
function changesOf(
  held: ShardedModel,
  { byName }: OptimizerStates,
): Pick<TrainerParts, 'regrow' | 'settleRanks'> {
  const { model, shards } = held;
  return {
    regrow(moment) {
      if (regrow(model, { shards, states: byName }, moment)) held.changed();
    },
    settleRanks(state) {
      settleRanks(model, shards, state);
      held.changed();
    },
  };
}

function noiseIn(
  { model }: ShardedModel,
  run: RunRecord,
  method: ResolvedMethod,
  world: World,
): WeightNoise | null {
  const settings = noiseOf(method);
  return settings && new WeightNoise(model, settings, BigInt(run.spec.training.seed), world);
}

function saidByAdapter({ model, shards }: ShardedModel, { sum }: World): string | null {
  const own = shards.flatMap(({ parameter: { suffix, value } }) =>
    suffix === undefined ? [] : [{ suffix, value }],
  );
  return model.adapter?.describe?.(own, sum) ?? null;
}

/** The run's device; memory is measured from here on. */
function computeOn(run: RunRecord, method: ResolvedMethod, { member }: WorkerConfig): Device {
  setThreads(run.threads);
  resetMemoryPeaks();
  return openDevice(member?.device ?? run.device, method);
}

function boardOf(
  { folder, clock }: RoleContext,
  run: RunRecord,
  prepared: PreparedRecord,
  method: ResolvedMethod,
): Board {
  const { observability, training } = run.spec;
  if (observability.tensorboard === 'Disabled') return noBoard;
  return openBoard({
    folder: run.tensorboard ?? join(folder, runFiles.tensorboard),
    clock,
    settings: { job: run.name, model: prepared.model.name, method, training },
  });
}

function recordedEmit(
  recorder: Recorder,
  board: Board,
  { emit }: RoleContext,
): RoleContext['emit'] {
  return recorder.recording((message) => {
    board.see(message);
    emit(message);
  });
}

function locationOf({ folder, countedStep }: RoleContext) {
  const root = join(folder, runFiles.checkpoints);
  return countedStep === undefined ? { root } : { root, counted: countedStep };
}

/** The checkpoints as the loop uses them: all ranks agree on when to save. */
function agreedOn(
  checkpoints: RunCheckpoints,
  { takeSave }: RoleContext,
  world: World,
  held: ShardedModel,
): TrainerParts['checkpoints'] {
  return {
    get savedStep() {
      return checkpoints.savedStep;
    },
    due: (state) => world.agree((takeSave?.() ?? false) || checkpoints.due(state)),
    begin: (state) => checkpoints.begin(state),
    get runningStep() {
      return checkpoints.runningStep;
    },
    follow: () => checkpoints.follow(),
    finish: () => checkpoints.finish(),
    restore: () => restoreInto(held, () => checkpoints.restore()),
    rememberRollback: (account) => checkpoints.rememberRollback(account),
  };
}

/** From a copy in memory where one is newer, else from the newest checkpoint. */
async function restoreAny(
  held: ShardedModel,
  checkpoints: RunCheckpoints,
  copies: WorkerConfig['copies'],
): Promise<TrainerState | null> {
  const restored = await restoreInto(held, () => checkpoints.restore(copies?.from));
  // The copies of this world will be written to the same folder.
  if (copies !== undefined) await removeJoined(copies.folder);
  return restored;
}

/** Loads a state; everything that was computed from the old values is discarded. */
async function restoreInto(
  held: ShardedModel,
  restore: () => Promise<TrainerState | null>,
): Promise<TrainerState | null> {
  const state = await restore();
  held.changed();
  return state;
}

interface Trained {
  readonly context: RoleContext;
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly checkpoints: RunCheckpoints;
  readonly recorder: Recorder;
}

/** Writes the record that publishing reads. */
async function writeResult(
  { context: { folder, clock }, run, prepared, checkpoints, recorder }: Trained,
  ended: TrainerResult,
): Promise<void> {
  const result = await chooseResult(ended.state, run.spec, (step) => checkpoints.isWhole(step));
  await writeRecord(folder, runFiles.trained, trainedRecord, {
    version: 1,
    request: trainDigest(run.spec, prepared),
    checkpoint: checkpoints.at(ended.state.step),
    ...(result.choice === 'Best' ? { result: checkpoints.folderOf(result.step) } : {}),
    baseline: ended.state.baseline,
    report: recorder.report(
      ended,
      result,
      await storedSaves(join(folder, runFiles.checkpoints)),
      clock.now(),
    ),
  });
}

/** Collective: a rank that has not received the stop learns of it from another. */
function stopOf({ stop, stopToo }: RoleContext, world: World): () => boolean {
  return () => {
    const wanted = world.agree(stop.aborted);
    if (wanted) stopToo?.();
    return wanted;
  };
}

function restarted(cause: string): TelemetryBody {
  return { type: 'warning', reason: 'Restarted', message: cause };
}

/**
 * A warning, not an error: memory may become free later, and on a processor the plan is an
 * estimate.
 */
function doesNotFit({ stage, peak, limit }: MemoryPlan): TelemetryBody {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const message = `${stageWords[stage]} needs ${gib(peak)} by the memory plan, and ${gib(limit)} are free; anneal estimate shows what needs less`;
  return { type: 'warning', reason: 'DoesNotFit', message };
}

const stageWords = {
  Step: 'a training step',
  Decompose: 'decomposing the weights',
  Teach: 'the pass of the teacher',
  Evaluate: 'an evaluation',
  Sample: 'answering the prompts',
  Publish: 'reading the result back',
} as const;

function trainerPlan(run: RunRecord, memory: MemoryPlan, feed: Feed): TrainerPlan {
  const { training } = run.spec;
  const total = totalSteps(training, feed.sequences, feed.sequencesPerStep);
  requireSearchSteps(training, total);
  const { evaluation, nonFinitePolicy: policy } = training;
  const { earlyStopping } = evaluation;
  return {
    totalSteps: total,
    modes: memory.blocks,
    seed: BigInt(training.seed),
    learningRate: (step) =>
      learningRateAt(
        { schedule: training.schedule, learningRate: training.learningRate, totalSteps: total },
        step,
      ),
    evaluationInterval: evaluation.intervalSteps ?? null,
    earlyStopping:
      earlyStopping === undefined
        ? null
        : { ...earlyStopping, minDelta: Number(earlyStopping.minDelta) },
    nonFinite: { ...policy, learningRateFactor: Number(policy.learningRateFactor) },
  };
}

function checkpointSettings(run: RunRecord, prepared: PreparedRecord) {
  const { intervalSteps, intervalSeconds, retain } = run.spec.checkpoint;
  return {
    job: run.digest,
    base: prepared.model.digest,
    wish: { intervalSteps: intervalSteps ?? null, intervalSeconds: intervalSeconds ?? null },
    retain: { ...retain, everySteps: retain.everySteps ?? null },
  };
}

function clipOf({ spec }: RunRecord) {
  const { mode, norm } = spec.training.gradientClip;
  return { mode, norm: Number(norm) };
}
