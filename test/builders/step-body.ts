import type { TelemetryBody } from '../../crds/wire/telemetry.ts';

/** What a trainer says of one step, without the time. */
export function aStepBody(step: number): Extract<TelemetryBody, { type: 'step' }> {
  return {
    ...{ type: 'step', step, totalSteps: 1000, epoch: 0, loss: 2, gradNorm: 1, clipFactor: 1 },
    ...{ targetTokens: 8, tokens: 8, tokensSeen: 8 * step, tokensPerSecond: 100 },
    ...{ stepMs: { total: 80, compute: 79, data: 1 }, learningRate: 1e-4 },
    memory: { now: 1, peak: 1 },
  };
}
