// The loop: steps, evaluations, checkpoints, and the end. The result depends only on the job and on
// the state that checkpoints hold, so a run that was killed and resumed ends with the same bits as
// an uninterrupted one.
import { TerminalError } from '../../crds/failures/errors.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { TrainerState } from '../checkpoint/trainer-state.ts';
import type { Batch } from '../data/batch.ts';
import {
  firstFormats,
  followFormats,
  formatsAfter,
  formatsInWords,
  stepSketches,
  switches,
} from '../engine/adaptive-formats.ts';
import { growthAfter, hasGrown, ranksInWords, stepGrowth } from '../engine/growth.ts';
import type { Active } from '../engine/model.ts';
import { type HostSequence, type PackedSequence, toSequence } from '../engine/packed-sequence.ts';
import { countedAs } from '../engine/parameters.ts';
import { placesAmong, probeOf, withCandidates } from '../engine/regrowth.ts';
import { restingColumns, unrested } from '../engine/resting.ts';
import type { Update } from '../engine/update.ts';
import type { Moment } from '../methods/adapters/adapter.ts';
import { grown, type StepCounts } from '../methods/selection/selection.ts';
import { type Device, deviceMemory } from '../tensor/device.ts';
import { memoryStatistics } from '../tensor/memory.ts';
import { scope } from '../tensor/scope.ts';
import { streamOf } from '../tensor/streams.ts';
import {
  evaluate,
  finiteOrNull,
  firstEvaluation,
  missedEvaluation,
  stoppedEarly,
} from './evaluation.ts';
import { insideTerm } from './inside-term.ts';
import type { TrainerParts } from './parts.ts';
import { privateStep } from './private-step.ts';
import { type StepInputs, step } from './step.ts';

export type { NonFinitePolicy, TrainerParts, TrainerPlan } from './parts.ts';

type StepMemory = Extract<TelemetryBody, { type: 'step' }>['memory'];

export interface TrainerResult {
  readonly reason: 'Finished' | 'FinishedEarly' | 'Stopped';
  readonly state: TrainerState;
}

/** Trains from `start` to the end of the plan, the early stop, or a request to stop. */
export async function train(parts: TrainerParts, start: TrainerState): Promise<TrainerResult> {
  const { plan, checkpoints, copies } = parts;
  const begun = withFormats(parts, start);
  let state = begun.step === 0 ? await firstEvaluation(parts, begun) : begun;
  if (missedEvaluation(plan, state)) state = await evaluate(parts, state);
  // What trains nothing ends with the state that it began with, which publishing reads.
  const kept = checkpoints.savedStep ?? (plan.totalSteps === 0 ? -1 : 0);
  let saved = state === begun ? kept : -1;
  // A run that resumes from a copy in memory may have lost the unfinished checkpoint of this step,
  // which may be the best.
  if (state.step > 0 && saved !== state.step && checkpoints.due(state)) {
    await checkpoints.begin(state);
    saved = state.step;
  }
  while (state.step < plan.totalSteps) {
    // Messages from the parent process are read here and between the parts of an evaluation, never
    // inside a step.
    await parts.turn();
    if (parts.stopping() || stoppedEarly(plan, state)) break;
    const next = oneStep(parts, state);
    state = next === 'rollback' ? await rollBack(parts, state) : next;
    followFormats(parts.model, state.formats, null);
    // The step that a rollback restored is on disk; the steps after it are discarded.
    if (next === 'rollback') saved = state.step;
    if (missedEvaluation(plan, state)) state = await evaluate(parts, state);
    await checkpoints.follow();
    if (checkpoints.due(state)) {
      await checkpoints.begin(state);
      saved = state.step;
    }
    // No copy while the best checkpoint is still being written: if that write were lost, a run
    // resumed from the copy would have no best checkpoint.
    if (checkpoints.runningStep !== state.best?.step) await copies?.take(state);
  }
  if (saved !== state.step) await checkpoints.begin(state);
  await checkpoints.finish();
  const early = state.step < plan.totalSteps || missedEvaluation(plan, state);
  const reason = !early ? 'Finished' : stoppedEarly(plan, state) ? 'FinishedEarly' : 'Stopped';
  return { reason, state };
}

/** Before the first step, formats are found by the weights. */
function withFormats(parts: TrainerParts, start: TrainerState): TrainerState {
  const formats = start.formats ?? firstFormats(parts);
  followFormats(parts.model, formats, null);
  return formats === undefined ? start : { ...start, formats };
}

function oneStep(parts: TrainerParts, state: TrainerState): TrainerState | 'rollback' {
  const { model, plan, selection, states, clock } = parts;
  const began = clock.monotonic();
  const processor = process.cpuUsage();
  const batch = parts.batch(state.position);
  const loaded = clock.monotonic();
  const before = parts.waited();
  const learningRate = plan.learningRate(state.step) * state.learningRateFactor;
  const moment = momentOf(parts, state);
  const unresting = unrested(selection.at(state.step), model.adapter, moment);
  const active = withCandidates(unresting, model, moment);
  const stepCounts = selection.stepCounts(state.step, state.stepCounts);
  states.follow(stepCounts, state.step);
  const outcome = computeStep(parts, state, { batch, active, stepCounts, learningRate });
  if (outcome.applied) parts.regrow(moment);
  const growth = grownRanks(parts, state, active, outcome);
  const formats = formatsAfter(parts, state.formats, outcome);
  const done = clock.monotonic();
  const finite = outcome.applied && (parts.privacy !== undefined || Number.isFinite(outcome.loss));
  const next: TrainerState = {
    ...state,
    step: state.step + 1,
    updates: state.updates + (outcome.applied ? 1 : 0),
    ...(growth && { growth }),
    ...(formats && { formats }),
    stepCounts: outcome.applied ? grown(stepCounts, active) : stepCounts,
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
    targetTokens: batch.targetTokens,
    tokens: batch.tokens,
    tokensSeen: next.tokensSeen,
    tokensPerSecond: (batch.tokens * 1000) / (done - began),
    gradNorm: finiteOrNull(outcome.gradientNorm),
    clipFactor: finiteOrNull(outcome.clipFactor),
    learningRate,
    stepMs: {
      ...{ total: done - began, data: loaded - began, compute: done - loaded },
      ...waitedSince(parts, before),
      processor: milliseconds(process.cpuUsage(processor)),
    },
    memory: memoryNow(model.device),
    ...(finite ? {} : { skipped: true }),
    ...saidOf(parts, next, outcome),
    ...switchesOf(parts, state, next),
  });
  return finite ? next : afterNonFinite(parts, next, outcome.applied);
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

interface StepChoices {
  readonly batch: Batch;
  readonly active: Active;
  readonly stepCounts: StepCounts;
  readonly learningRate: number;
}

/** Computes and applies the step; its loss and what is added to it are over all ranks. */
function computeStep(parts: TrainerParts, state: TrainerState, choices: StepChoices) {
  const { model, plan, updater, world } = parts;
  const { batch, active } = choices;
  const sketches = stepSketches(parts, plan.seed);
  followFormats(model, state.formats, state.step);
  return scope(() => {
    const inside = insideTerm(parts, batch);
    const shared = {
      ...{ model, active, modes: plan.modes, offload: parts.offload, ...objectiveOf(parts) },
      update: updater.begin({ ...updateOf(parts, state, choices), sketches }),
      draw: (sequence: PackedSequence) => ({
        ...{ seed: plan.seed, step: state.step, key: sequence.key },
      }),
    };
    const onDevice = (host: HostSequence) => sequenceOf(parts, host);
    const settings = parts.privacy?.(state.position);
    const compute = (seen?: StepInputs['seen']) =>
      settings !== undefined
        ? privateStep({ ...shared, records: batch.records ?? [], settings, onDevice })
        : step({
            ...{ ...shared, seen, sequences: batch.sequences.map(onDevice) },
            ...{ targetTokens: batch.targetTokens, inside: inside?.loss ?? null },
            probe: probeOf(model, ownedBy(parts), world, momentOf(parts, state)),
            ...{ world, regularizes: world.rank === 0 },
            term: parts.architecture?.(momentOf(parts, state)),
          });
    const done = parts.noise?.during(state.step, compute) ?? compute();
    const { gradientNorm, clipFactor, applied, scores = [] } = done;
    const { sums: ofLoss, regularization, measured } = done;
    const { loss = Number.NaN, divergence: apart = 0 } = ofLoss;
    const own = [loss, regularization, apart, ...scores, ...measured];
    const [sum = Number.NaN, added = 0, divergence = 0, ...sums] = world.sum(own);
    return {
      ...{ gradientNorm, clipFactor, applied, added, scores: sums.slice(0, scores.length) },
      inside: inside?.said(sums.slice(scores.length)) ?? null,
      sketches: sketches?.take(world) ?? null,
      loss: sum / batch.targetTokens,
      divergence: divergence / batch.targetTokens,
    };
  }, model.device);
}

function objectiveOf({ distillation }: TrainerParts): Pick<StepInputs, 'objective'> {
  return distillation === undefined ? {} : { objective: distillation.objective };
}

/** On the device, beside what its teacher says. */
function sequenceOf({ model, distillation }: TrainerParts, host: HostSequence): PackedSequence {
  const sequence = toSequence(model, host);
  if (distillation === undefined) return sequence;
  return { ...sequence, teacher: distillation.rows.of(host, model.device) };
}

function ownedBy({ shards, states }: TrainerParts) {
  return { shards, states: states.byName };
}

function momentOf({ plan: { totalSteps } }: TrainerParts, { step }: TrainerState): Moment {
  return { step, totalSteps };
}

function updateOf(
  { model, shards, plan: { seed, totalSteps } }: TrainerParts,
  { step, growth }: TrainerState,
  { learningRate, stepCounts }: StepChoices,
): Update {
  const { adapter } = model;
  return {
    learningRate,
    count: (parameter) => (stepCounts[countedAs(parameter)] ?? 0) + 1,
    stream: (name) => streamOf(seed, 'update', name, step),
    places: placesAmong(model, shards),
    growth: stepGrowth(model, growth, step),
    restingColumns: (parameter) => restingColumns(adapter, parameter, { step, totalSteps }),
    updated({ suffix, value }) {
      if (suffix !== undefined)
        scope(() => adapter?.afterUpdate?.(suffix, value, { step, totalSteps }));
    },
  };
}

function switchesOf({ model }: TrainerParts, before: TrainerState, after: TrainerState) {
  const found = switches(model, before.formats, after.formats);
  return found.length > 0 ? { switches: [...found] } : {};
}

/** After the step; layers that got ranks are settled. */
function grownRanks(
  parts: TrainerParts,
  state: TrainerState,
  active: Active,
  { applied, scores }: Pick<ReturnType<typeof computeStep>, 'applied' | 'scores'>,
): TrainerState['growth'] {
  if (!applied) return state.growth;
  const moment = momentOf(parts, state);
  const after = growthAfter(parts.model, state.growth, { scores, active, moment });
  if (after === null) return undefined;
  if (hasGrown(state.growth, after)) parts.settleRanks(after);
  return after;
}

type Said = Pick<ReturnType<typeof computeStep>, 'added' | 'divergence' | 'inside'>;

/** What selection, optimizer, adapter and rule report about the step just done, with its state. */
function saidOf(
  { model, selection, said, distillation, architecture }: TrainerParts,
  { step, growth, formats }: TrainerState,
  { added, divergence, inside }: Said,
) {
  const words = [
    selection.describe(step - 1),
    said?.() ?? null,
    growth === undefined ? null : ranksInWords(model, growth),
    formats === undefined ? null : formatsInWords(model, formats),
    inside?.words ?? null,
    distillation === undefined ? null : `KL to the teacher ${divergence.toFixed(4)}`,
  ].filter((each) => each !== null);
  return {
    ...inside?.fields,
    ...(distillation && { divergence: finiteOrNull(divergence) }),
    ...((model.adapter?.regularizer ?? architecture) && { regularization: finiteOrNull(added) }),
    ...(words.length > 0 && { method: words.join(', ') }),
  };
}

/** Part of the compute time; absent in a world of one rank. */
function waitedSince({ world, waited }: TrainerParts, before: ReturnType<TrainerParts['waited']>) {
  if (world.size === 1) return {};
  const { gather, reduce } = waited();
  return { gather: gather - before.gather, reduce: reduce - before.reduce };
}

/** Applies the job's policy to a step whose loss or gradient is not finite. */
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
  throw new TerminalError({
    code: 'E_DIVERGED',
    message: `${what}, and spec.training.nonFinitePolicy.action is Fail`,
  });
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
    const message = `step ${at}: loss or gradient is not finite, and there is no checkpoint to roll back to`;
    throw new TerminalError({ code: 'E_DIVERGED', message });
  }
  parts.emit({
    type: 'warning',
    reason: 'RolledBack',
    message: `step ${at}: not finite; rolled back to step ${restored.step}, skipping this batch`,
    step: restored.step,
  });
  const account = {
    position: failed.position + 1,
    rollbacks: failed.rollbacks + 1,
    // Not the factor of the checkpoint, which may be older than the previous rollback.
    learningRateFactor: failed.learningRateFactor * learningRateFactor,
  };
  await parts.checkpoints.rememberRollback(account);
  return { ...restored, ...account, skipsInRow: 0 };
}

function memoryNow(device: Device): StepMemory {
  const { residentBytes: now, residentPeakBytes: peak } = memoryStatistics();
  if (device === 'cpu') return { now, peak };
  const { reserved, reservedPeak, allocated } = deviceMemory(device);
  return { now, peak, device: { now: reserved, peak: reservedPeak, allocated } };
}
