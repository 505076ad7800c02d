// An evaluation during training: loss on held-out records, and answers to the job's prompts. It
// counts only when complete: a stop in the middle leaves the state unchanged, and the resumed
// process repeats the evaluation.

import { answersSubject } from '../../crds/stages/subjects.ts';
import type { WordErrors } from '../../crds/wire/word-errors.ts';
import type { TrainerState } from '../checkpoint/trainer-state.ts';
import { type Evaluation, heldOutLoss } from './held-out-loss.ts';
import type { TrainerParts, TrainerPlan } from './parts.ts';

/** Evaluation and samples before the first step: the baseline. */
export async function firstEvaluation(
  parts: TrainerParts,
  state: TrainerState,
): Promise<TrainerState> {
  const evaluated = await evaluate(parts, { ...state, evaluations: [], baseline: [] });
  return {
    ...evaluated,
    samplesBefore: evaluated.samplesLast,
    samplesBest: [],
    best: null,
    stale: 0,
  };
}

/** Returns `state` unchanged when a stop interrupts it; the resumed process then repeats all. */
export async function evaluate(parts: TrainerParts, state: TrainerState): Promise<TrainerState> {
  const { model, emit, clock, stopping, world } = parts;
  const began = clock.monotonic();
  const stage = { type: 'stage', stage: 'Evaluate' } as const;
  emit({ ...stage, state: 'Started', subject: 'on held-out records' });
  const found = await heldOutLoss(model, parts.evaluationSequences(), stopping, world);
  if (found === null) return state;
  const written = await parts.writeWords(stopping);
  if (written === null) return state;
  emit({ ...stage, state: 'Running', subject: answersSubject });
  const answers = await parts.sample(stopping);
  if (answers === null) return state;
  emit({ ...stage, state: 'Done' });
  for (const [index, { prompt, text }] of answers.entries()) {
    emit({ type: 'sample', step: state.step, index, prompt, text });
  }
  const evaluated = {
    ...state,
    evaluated: state.step,
    samplesOf: answers.map(({ prompt }) => prompt),
    samplesLast: answers.map(({ text }) => text),
  };
  if (found.tokens === 0) return evaluated;
  const measured = { ...found, ...(written && { wordErrors: written }) };
  return judge(parts, evaluated, measured, clock.monotonic() - began);
}

/** Adds an evaluation to the state and reports whether it is the best so far. */
function judge(
  { plan, emit }: TrainerParts,
  state: TrainerState,
  found: Evaluation & { readonly wordErrors?: WordErrors },
  ms: number,
): TrainerState {
  const value =
    plan.earlyStopping?.metric === 'Accuracy' ? -(found.accuracy ?? Number.NaN) : found.loss;
  const threshold =
    (state.best?.value ?? Number.POSITIVE_INFINITY) - (plan.earlyStopping?.minDelta ?? 0);
  const best = value < threshold;
  const point = {
    step: state.step,
    loss: finiteOrNull(found.loss),
    perplexity: finiteOrNull(found.perplexity),
    accuracy: finiteOrNull(found.accuracy),
    ...(found.likeness && {
      likeness: {
        psnr: finiteOrNull(found.likeness.psnr),
        ssim: finiteOrNull(found.likeness.ssim),
      },
    }),
    ...(found.wordErrors && { wordErrors: found.wordErrors }),
    ...(found.overlap !== undefined && { overlap: finiteOrNull(found.overlap) }),
    tokens: found.tokens,
    attention: found.attention,
  };
  emit({ type: 'evaluation', ...point, seconds: ms / 1000, best: best && state.step > 0 });
  const evaluations = [...state.evaluations, point];
  const baseline = state.step === 0 ? found.sums.map(finiteOrNull) : state.baseline;
  if (!best) return { ...state, evaluations, baseline, stale: state.stale + 1 };
  const samplesBest = state.samplesLast;
  return {
    ...state,
    evaluations,
    baseline,
    samplesBest,
    stale: 0,
    best: { step: state.step, value },
  };
}

function isEvaluationStep(plan: TrainerPlan, { step: done }: TrainerState): boolean {
  if (done === 0) return false;
  if (done === plan.totalSteps) return true;
  return plan.evaluationInterval !== null && done % plan.evaluationInterval === 0;
}

/** Whether a stop interrupted the evaluation of this step; a resumed run evaluates first. */
export function missedEvaluation(plan: TrainerPlan, state: TrainerState): boolean {
  return state.evaluated !== state.step && isEvaluationStep(plan, state);
}

export function stoppedEarly(plan: TrainerPlan, { stale }: TrainerState): boolean {
  return plan.earlyStopping !== null && stale >= plan.earlyStopping.patience;
}

export function finiteOrNull(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
