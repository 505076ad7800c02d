// The loop: steps, evaluations, checkpoints, and the end. Everything that decides the result is in
// the state that a checkpoint holds or in the job; nothing else is carried from step to step, so a
// run that was killed and started again ends with the same bits as one that was not.
import { setImmediate } from 'node:timers/promises';
import { TerminalError } from '../crds/errors.ts';
import type { TelemetryBody } from '../crds/wire/telemetry.ts';
import type { Clock } from './clock.ts';
import { type HostBin, toBin } from './engine/bin.ts';
import type { TapeMode } from './engine/block-tape.ts';
import type { Model } from './engine/model.ts';
import type { Updater } from './engine/update.ts';
import { evaluate } from './evaluate.ts';
import type { Selection } from './selection/selection.ts';
import { step } from './step.ts';
import { memoryStatistics } from './tensor/memory.ts';
import { streamOf } from './tensor/rng.ts';
import { scope } from './tensor/scope.ts';
import { item } from './tensor/tensor.ts';
import type { TrainerState } from './trainer-state.ts';

export interface Batch {
  readonly bins: readonly HostBin[];
  /** Learned tokens of the global batch, all ranks. */
  readonly learnedTokens: number;
  readonly tokens: number;
  readonly epoch: number;
}

export interface TrainerPlan {
  readonly totalSteps: number;
  readonly modes: readonly TapeMode[];
  readonly seed: bigint;
  /** Learning rate of step `s`, from 0. */
  learningRate(step: number): number;
  readonly evaluationInterval: number | null;
  readonly earlyStopping: EarlyStopping | null;
  readonly nonFinite: NonFinitePolicy;
}

interface EarlyStopping {
  readonly metric: 'Loss' | 'Accuracy';
  readonly patience: number;
  readonly minDelta: number;
}

export interface NonFinitePolicy {
  readonly action: 'SkipStep' | 'Rollback' | 'Fail';
  readonly maxSkips: number;
  readonly maxRollbacks: number;
  readonly learningRateFactor: number;
}

export interface TrainerParts {
  readonly model: Model;
  readonly selection: Selection;
  readonly updater: Updater;
  readonly plan: TrainerPlan;
  /** The global batch at a position of the data, from 0. */
  batch(position: number): Batch;
  evaluationBins(): Iterable<HostBin>;
  /** Answers to the job's prompts, in order; none where the job has none. */
  sample(): readonly { readonly prompt: string; readonly text: string }[];
  readonly checkpoints: Checkpoints;
  emit(message: TelemetryBody): void;
  readonly clock: Clock;
  /** Asked between steps: somebody wants the run to save and stop. */
  stopping(): boolean;
}

export interface Checkpoints {
  /** Whether a save is due after this step, by interval or measured cost. */
  due(state: TrainerState): boolean;
  save(state: TrainerState): Promise<void>;
  /** Puts the newest whole checkpoint into the model; null when there is none. */
  restore(): Promise<TrainerState | null>;
}

export interface TrainerResult {
  readonly reason: 'Finished' | 'FinishedEarly' | 'Stopped';
  readonly state: TrainerState;
}

/** Trains from `start` to the end of the plan, the early stop, or the wish to stop. */
export async function train(parts: TrainerParts, start: TrainerState): Promise<TrainerResult> {
  const { plan, checkpoints } = parts;
  let state = start.step === 0 ? firstLook(parts, start) : start;
  if (missedEvaluation(plan, state)) state = look(parts, state);
  let saved = state === start ? start.step : -1;
  while (state.step < plan.totalSteps) {
    // Messages from the parent process are read here, and nowhere inside a step.
    await setImmediate();
    if (parts.stopping() || stoppedEarly(plan, state)) break;
    const next = oneStep(parts, state);
    state = next === 'rollback' ? await rollBack(parts, state) : next;
    if (isEvaluationStep(plan, state)) state = look(parts, state);
    if (checkpoints.due(state)) {
      await checkpoints.save(state);
      saved = state.step;
    }
  }
  if (saved !== state.step) await checkpoints.save(state);
  const early = state.step < plan.totalSteps || missedEvaluation(plan, state);
  const reason = !early ? 'Finished' : stoppedEarly(plan, state) ? 'FinishedEarly' : 'Stopped';
  return { reason, state };
}

function oneStep(parts: TrainerParts, state: TrainerState): TrainerState | 'rollback' {
  const { model, plan, selection, updater, clock } = parts;
  const began = clock.monotonic();
  const batch = parts.batch(state.position);
  const loaded = clock.monotonic();
  const learningRate = plan.learningRate(state.step) * state.learningRateFactor;
  const outcome = scope(() => {
    const bins = batch.bins.map((host) => toBin(model.rope, host, model.dtype));
    const update = updater.begin({
      learningRate,
      count: state.updates + 1,
      stream: (name) => streamOf(plan.seed, 'update', name, state.step),
    });
    const { nll, gradientNorm, clipFactor, applied } = step({
      model,
      bins,
      learnedTokens: batch.learnedTokens,
      moving: selection.at(state.step),
      modes: plan.modes,
      update,
      draw: (bin) => ({ seed: plan.seed, step: state.step, key: bin.key }),
    });
    // No tensor: what the outermost scope returns would live on.
    return { gradientNorm, clipFactor, applied, loss: item(nll) / batch.learnedTokens };
  });
  const done = clock.monotonic();
  const finite = outcome.applied && Number.isFinite(outcome.loss);
  const next: TrainerState = {
    ...state,
    step: state.step + 1,
    updates: state.updates + (outcome.applied ? 1 : 0),
    position: state.position + 1,
    tokensSeen: state.tokensSeen + batch.tokens,
    skipsInRow: finite ? 0 : state.skipsInRow + 1,
    firstLoss: state.firstLoss ?? finiteOrNull(outcome.loss),
    lastLoss: finiteOrNull(outcome.loss),
    seconds: state.seconds + (done - began) / 1000,
  };
  parts.emit({
    type: 'step',
    step: next.step,
    totalSteps: plan.totalSteps,
    epoch: batch.epoch,
    loss: next.lastLoss,
    learnedTokens: batch.learnedTokens,
    tokens: batch.tokens,
    tokensSeen: next.tokensSeen,
    tokensPerSecond: (batch.tokens * 1000) / (done - began),
    gradNorm: finiteOrNull(outcome.gradientNorm),
    clipFactor: finiteOrNull(outcome.clipFactor),
    learningRate,
    stepMs: { total: done - began, data: loaded - began, compute: done - loaded },
    memory: memoryNow(),
    ...(finite ? {} : { skipped: true }),
  });
  return finite ? next : afterNonFinite(parts, next, outcome.applied);
}

/** What the policy says about a step whose loss or gradient is not finite. */
function afterNonFinite(
  { plan, emit }: TrainerParts,
  state: TrainerState,
  applied: boolean,
): TrainerState | 'rollback' {
  const { action, maxSkips } = plan.nonFinite;
  const what = `step ${state.step}: loss or gradient is not finite`;
  if (action === 'SkipStep' && !applied && state.skipsInRow <= maxSkips) {
    const message = `${what}; the step was skipped (${state.skipsInRow} of ${maxSkips} in a row)`;
    emit({ type: 'warning', reason: 'NonFinite', message, step: state.step });
    return state;
  }
  if (action !== 'Fail') return 'rollback';
  throw new TerminalError({ code: 'E_DIVERGED', message: `${what}, and nonFinitePolicy is Fail` });
}

async function rollBack(parts: TrainerParts, failed: TrainerState): Promise<TrainerState> {
  const { maxRollbacks, learningRateFactor } = parts.plan.nonFinite;
  const at = failed.step + 1;
  if (failed.rollbacks >= maxRollbacks) {
    const message = `step ${at}: not finite again after ${failed.rollbacks} rollbacks; ${maxRollbacks} are allowed`;
    throw new TerminalError({ code: 'E_DIVERGED', message });
  }
  const restored = await parts.checkpoints.restore();
  if (restored === null) {
    const message = `step ${at}: loss or gradient is not finite, and there is no checkpoint to go back to`;
    throw new TerminalError({ code: 'E_DIVERGED', message });
  }
  parts.emit({
    type: 'warning',
    reason: 'RolledBack',
    message: `step ${at}: not finite; went back to step ${restored.step}, leaving this batch out`,
    step: restored.step,
  });
  return {
    ...restored,
    position: failed.position + 1,
    rollbacks: failed.rollbacks + 1,
    skipsInRow: 0,
    learningRateFactor: restored.learningRateFactor * learningRateFactor,
  };
}

/** Evaluation and samples before the first step: what the model could do by itself. */
function firstLook(parts: TrainerParts, state: TrainerState): TrainerState {
  const looked = look(parts, { ...state, evaluations: [] });
  return { ...looked, best: null, stale: 0 };
}

function look(parts: TrainerParts, state: TrainerState): TrainerState {
  const { model, plan, emit, clock } = parts;
  const began = clock.monotonic();
  const stage = { type: 'stage', stage: 'Evaluate' } as const;
  emit({ ...stage, state: 'Started', subject: 'on held-out records' });
  const found = evaluate(model, parts.evaluationBins(), parts.stopping);
  emit({ ...stage, state: 'Running', subject: 'by answering the prompts' });
  const texts = parts.sample();
  emit({ ...stage, state: 'Done' });
  for (const [index, { prompt, text }] of texts.entries()) {
    emit({ type: 'sample', step: state.step, index, prompt, text });
  }
  const samplesBefore = state.step === 0 ? texts.map(({ text }) => text) : state.samplesBefore;
  if (found === null || found.tokens === 0) return { ...state, samplesBefore };
  const value = plan.earlyStopping?.metric === 'Accuracy' ? -found.accuracy : found.loss;
  const threshold =
    (state.best?.value ?? Number.POSITIVE_INFINITY) - (plan.earlyStopping?.minDelta ?? 0);
  const best = value < threshold;
  const point = {
    step: state.step,
    loss: finiteOrNull(found.loss),
    perplexity: finiteOrNull(found.perplexity),
    accuracy: finiteOrNull(found.accuracy),
    tokens: found.tokens,
  };
  const seconds = (clock.monotonic() - began) / 1000;
  emit({ type: 'evaluation', ...point, seconds, best: best && state.step > 0 });
  return {
    ...state,
    samplesBefore,
    evaluations: [...state.evaluations, point],
    stale: best ? 0 : state.stale + 1,
    best: best ? { step: state.step, value } : state.best,
  };
}

function isEvaluationStep(plan: TrainerPlan, { step: done }: TrainerState): boolean {
  if (done === 0) return false;
  if (done === plan.totalSteps) return true;
  return plan.evaluationInterval !== null && done % plan.evaluationInterval === 0;
}

/** A stop cut the evaluation of this step short: whoever goes on makes up for it first. */
function missedEvaluation(plan: TrainerPlan, state: TrainerState): boolean {
  const last = state.evaluations.at(-1);
  return last !== undefined && last.step !== state.step && isEvaluationStep(plan, state);
}

function stoppedEarly(plan: TrainerPlan, { stale }: TrainerState): boolean {
  return plan.earlyStopping !== null && stale >= plan.earlyStopping.patience;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function memoryNow(): { readonly now: number; readonly peak: number } {
  const { residentBytes, residentPeakBytes } = memoryStatistics();
  return { now: residentBytes, peak: residentPeakBytes };
}
