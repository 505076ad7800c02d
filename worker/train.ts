// The role `train`: prepared model and data in, checkpoints and a report out. Puts the parts together
// as the job says and hands them to the loop.
import { join } from 'node:path';
import { programVersion, type ResolvedMethod, resolveMethod } from '../crds/index.ts';
import { type MemoryPlan, planMemory } from '../crds/plan/memory.ts';
import { stagesOf } from '../crds/plan/memory-question.ts';
import { learningRateAt, totalSteps } from '../crds/plan/steps.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  trainedRecord,
} from '../crds/wire/run-folder.ts';
import type { TelemetryBody } from '../crds/wire/telemetry.ts';
import { checkpointsOf } from './checkpoint/checkpoints.ts';
import { chooseResult } from './choose-result.ts';
import { type Feed, openFeed } from './data/feed.ts';
import { type ModelFiles, openModel } from './decoder/model-files.ts';
import { buildModel, modelSource } from './engine/build-model.ts';
import type { Model } from './engine/model.ts';
import { Updater } from './engine/update.ts';
import { freeMemory } from './free-memory.ts';
import type { Optimizer, OptimizerState } from './optimizers/optimizer.ts';
import type { Role, RoleContext } from './role.ts';
import { requireRecord, writeRecord } from './run-folder.ts';
import { samplerOf } from './sampler.ts';
import { adapterOf, dtypeOf, optimizerOf, selectionOf, weightStoreOf } from './seams.ts';
import { Recorder } from './telemetry/recorder.ts';
import { resetMemoryPeaks, trimMemory } from './tensor/memory.ts';
import { keep, scope } from './tensor/scope.ts';
import { setThreads } from './tensor/threads.ts';
import { type TrainerParts, type TrainerPlan, train } from './trainer.ts';
import { freshState } from './trainer-state.ts';

export const trainRole: Role = async (context) => {
  const { folder, clock, stop } = context;
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const startedAt = clock.now();
  setThreads(run.threads);
  resetMemoryPeaks();
  const method = resolveMethod(run.spec.method);
  using files = openModel(prepared.model.path);
  using feed = await openFeed(run.spec, prepared.data, stop);
  const memory = memoryPlan(run, method, files, feed);
  const model = load(context, run, method, files);
  using _parameters = model.parameters;
  trimMemory();
  const optimizer = optimizerOf(method);
  using states = new States(model, optimizer);
  const plan = trainerPlan(run, memory, feed);
  const recorder = new Recorder({
    ...{ run, prepared, method, files, model, memory, plan, feed },
    version: programVersion,
    startedAt,
  });
  const emit: RoleContext['emit'] = (message) => {
    recorder.see(message);
    context.emit(message);
  };
  const checkpoints = checkpointsOf(
    { parameters: model.parameters, states: states.byName },
    { root: join(folder, runFiles.checkpoints), ...checkpointSettings(run, prepared), clock, emit },
  );
  const restored = await checkpoints.restore();
  emit(recorder.planMessage(restored?.step ?? 0));
  if (!memory.fits) emit(doesNotFit(memory));
  const parts: TrainerParts = {
    model,
    plan,
    selection: selectionOf(method, model.parameters),
    updater: new Updater(optimizer, states.byName, clipOf(run)),
    batch: feed.batch,
    evaluationBins: feed.evaluationBins,
    sample: await samplerOf(run, files, model),
    checkpoints: {
      due: (state) => (context.takeSave?.() ?? false) || checkpoints.due(state),
      save: (state) => checkpoints.save(state),
      restore: () => checkpoints.restore(),
    },
    emit,
    clock,
    stopping: () => stop.aborted,
  };
  const ended = await train(parts, restored ?? freshState);
  const result = await chooseResult(ended.state, run.spec, (step) => checkpoints.isWhole(step));
  await writeRecord(folder, runFiles.trained, trainedRecord, {
    version: 1,
    checkpoint: checkpoints.at(ended.state.step),
    ...(result.choice === 'Best' ? { result: checkpoints.folderOf(result.step) } : {}),
    report: recorder.report(ended, result, clock.now()),
  });
  if (ended.reason === 'Stopped') stop.throwIfAborted();
};

function load(
  { emit }: RoleContext,
  run: RunRecord,
  method: ResolvedMethod,
  files: ModelFiles,
): Model {
  const dtype = dtypeOf(method);
  const report = { type: 'stage', stage: 'Load', unit: 'Tensors' } as const;
  emit({ ...report, state: 'Started', total: files.tensorNames.length });
  const model = buildModel(modelSource(files), {
    dtype,
    adapter: adapterOf(method, BigInt(run.spec.training.seed), dtype),
    store: weightStoreOf(method),
    sequenceLength: run.spec.dataset.sequenceLength,
  });
  emit({
    ...report,
    state: 'Done',
    done: files.tensorNames.length,
    total: files.tensorNames.length,
  });
  return model;
}

/** Optimizer state of all trained parameters, made at once so that the plan's memory is the truth. */
class States implements Disposable {
  readonly byName: ReadonlyMap<string, OptimizerState>;

  constructor({ parameters }: Model, optimizer: Optimizer) {
    const byName = new Map<string, OptimizerState>();
    for (const { name, value } of parameters.trained()) {
      const state = scope(() => optimizer.initialize(value));
      for (const tensor of Object.values(state)) keep(tensor);
      byName.set(name, state);
    }
    this.byName = byName;
  }

  [Symbol.dispose](): void {
    for (const state of this.byName.values()) {
      for (const tensor of Object.values(state)) tensor.dispose();
    }
  }
}

function memoryPlan(
  run: RunRecord,
  method: ResolvedMethod,
  files: ModelFiles,
  feed: Feed,
): MemoryPlan {
  const { config } = files;
  const { gradientClip } = run.spec.training;
  return planMemory({
    facts: config,
    storedBfloat16: files.storedBfloat16,
    method,
    microBatchTokens: feed.microBatchSize * feed.largestBin,
    perWave: Math.ceil(feed.binsPerStep / feed.microBatchSize),
    waves: 1,
    shards: 1,
    clip: gradientClip.mode,
    recomputation: recomputationOf(run),
    learnedShare: feed.learnedShare,
    stages: stagesOf(run.spec, feed.largestBin),
    device: { type: 'cpu', bytes: freeMemory() },
  });
}

/** Told and tried: what is free now need not be what is free then, and a plan for a processor is no promise. */
function doesNotFit({ stage, peak, limit }: MemoryPlan): TelemetryBody {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  const message = `${stageWords[stage]} needs ${gib(peak)} by plan, and ${gib(limit)} are free; anneal estimate tells what needs less`;
  return { type: 'warning', reason: 'DoesNotFit', message };
}

const stageWords = {
  Step: 'a training step',
  Evaluate: 'an evaluation',
  Sample: 'answering the prompts',
  Publish: 'reading the result back',
} as const;

function recomputationOf({ spec }: RunRecord): 'Auto' | 'None' | 'Full' | 'Offload' {
  return spec.parallelism.activationRecomputation ?? 'Auto';
}

function trainerPlan(run: RunRecord, memory: MemoryPlan, feed: Feed): TrainerPlan {
  const { training } = run.spec;
  const total = totalSteps(training, feed.sequences, feed.binsPerStep);
  const { evaluation, nonFinitePolicy: policy } = training;
  const { earlyStopping } = evaluation;
  return {
    totalSteps: total,
    modes: memory.blocks.map((mode) => (mode === 'keep' ? 'keep' : 'recompute')),
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
