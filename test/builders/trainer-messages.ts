// Single messages of a trainer, out of those of a whole run.
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { messagesOfARun } from './run-messages.ts';

export function aPlan(): TelemetryOf<'plan'> {
  const found = messagesOfARun().find((message) => message.type === 'plan');
  if (found?.type !== 'plan') throw new Error('a run has a plan');
  return { ...found, firstStep: 0 };
}

export function aStep(step: number): TelemetryOf<'step'> {
  const found = messagesOfARun().find((message) => message.type === 'step');
  if (found?.type !== 'step') throw new Error('a run has steps');
  return { ...found, step, stepMs: { total: 20, compute: 20, data: 0 } };
}
