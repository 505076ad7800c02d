// The numbers of a job over its steps.
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';
import { mergedByStep } from '../jobs/by-step.ts';
import { modelMemory } from '../jobs/memory-words.ts';

export interface History {
  /** By step, ascending. */
  readonly steps: readonly TelemetryOf<'step'>[];
  readonly evaluations: readonly TelemetryOf<'evaluation'>[];
}

/** A history that grows with the messages. */
export class HistoryKeeper {
  #history: History = { steps: [], evaluations: [] };
  #steps: TelemetryOf<'step'>[] = [];
  #evaluations: TelemetryOf<'evaluation'>[] = [];

  take(message: Telemetry): void {
    if (message.type === 'step') this.#steps.push(message);
    if (message.type === 'evaluation') this.#evaluations.push(message);
  }

  /**
   * The same object until a message is added, so that callers can cache what they derive from it.
   */
  get history(): History {
    const { steps, evaluations } = this.#history;
    if (this.#steps.length > 0 || this.#evaluations.length > 0) {
      this.#history = {
        steps: mergedByStep(steps, this.#steps),
        evaluations: mergedByStep(evaluations, this.#evaluations),
      };
      this.#steps = [];
      this.#evaluations = [];
    }
    return this.#history;
  }
}

export function historyOf(messages: Iterable<Telemetry>): History {
  const keeper = new HistoryKeeper();
  for (const message of messages) keeper.take(message);
  return keeper.history;
}

export const metricNames = [
  'loss',
  'eval_loss',
  'learning_rate',
  'grad_norm',
  'tokens_per_second',
  'step_ms',
  'memory',
  'clip_factor',
  'perplexity',
  'accuracy',
  'iou',
  'psnr',
  'ssim',
  'word_error_rate',
] as const;
export type MetricName = (typeof metricNames)[number];

/** Short names for the command line. */
export const metricAliases: Readonly<Record<string, MetricName>> = {
  lr: 'learning_rate',
  grad: 'grad_norm',
  eval: 'eval_loss',
  speed: 'tokens_per_second',
};

/** In words: `train loss`, `tokens a second`. */
export function metricLabel(metric: MetricName): string {
  return metricLabels[metric] ?? metric.replaceAll('_', ' ');
}

const metricLabels: Readonly<Partial<Record<MetricName, string>>> = {
  loss: 'train loss',
  eval_loss: 'loss on held-out records',
  grad_norm: 'gradient norm',
  tokens_per_second: 'tokens a second',
  step_ms: 'milliseconds a step',
};

export interface Sample {
  readonly step: number;
  readonly tokens: number;
  /** Seconds since 1970. */
  readonly time: number;
  /** Null: not finite. */
  readonly value: number | null;
}

export function seriesOf({ steps, evaluations }: History, metric: MetricName): readonly Sample[] {
  const ofStep = stepValues[metric];
  if (ofStep !== undefined) {
    return steps.map((message) => ({
      step: message.step,
      tokens: message.tokensSeen,
      time: message.time,
      value: ofStep(message),
    }));
  }
  const ofEvaluation = evaluationValues[metric];
  return evaluations.map((message) => ({
    step: message.step,
    tokens: tokensAt(steps, message.step),
    time: message.time,
    value: ofEvaluation?.(message) ?? null,
  }));
}

type ValueOf<T> = Readonly<Partial<Record<MetricName, (message: T) => number | null>>>;

const stepValues: ValueOf<TelemetryOf<'step'>> = {
  loss: ({ loss }) => loss,
  learning_rate: ({ learningRate }) => learningRate,
  grad_norm: ({ gradNorm }) => gradNorm,
  tokens_per_second: ({ tokensPerSecond }) => tokensPerSecond,
  step_ms: ({ stepMs }) => stepMs.total,
  memory: ({ memory }) => modelMemory(memory).peak,
  clip_factor: ({ clipFactor }) => clipFactor,
};

const evaluationValues: ValueOf<TelemetryOf<'evaluation'>> = {
  eval_loss: ({ loss }) => loss,
  perplexity: ({ perplexity }) => perplexity,
  accuracy: ({ accuracy }) => accuracy ?? null,
  iou: ({ overlap }) => overlap ?? null,
  psnr: ({ likeness }) => likeness?.psnr ?? null,
  ssim: ({ likeness }) => likeness?.ssim ?? null,
  word_error_rate: ({ wordErrors }) =>
    wordErrors === undefined ? null : wordErrors.errors / wordErrors.words,
};

/** Tokens seen by the end of that step. */
function tokensAt(steps: readonly TelemetryOf<'step'>[], step: number): number {
  return steps.findLast((message) => message.step <= step)?.tokensSeen ?? 0;
}

/**
 * An exponential mean without bias towards the first value: y_t = Σ k^(t-i) x_i / Σ k^(t-i). Values
 * that are not finite are skipped.
 */
export function exponentialMean(samples: readonly Sample[], keep: number): readonly Sample[] {
  if (keep === 0) return samples;
  let sum = 0;
  let weight = 0;
  return samples.map((sample) => {
    if (sample.value === null) return sample;
    sum = keep * sum + sample.value;
    weight = keep * weight + 1;
    const { step, tokens, time } = sample;
    return { step, tokens, time, value: sum / weight };
  });
}
