// Telemetry as lines for whoever reads the log of a pod: what began, what ended, what is odd. Steps
// are told now and then; all of them are in the stream of metrics.
import type { LogRecord } from '../../crds/wire/pod-messages.ts';
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';

interface Line {
  readonly level: LogRecord['level'];
  readonly text: string;
}

export function lineOf(message: Telemetry): Line | undefined {
  switch (message.type) {
    case 'stage':
      return stageLine(message);
    case 'plan': {
      const { method, totalSteps, firstStep, trainableParameters: trained } = message;
      const text = `${method}: ${trained} parameters are trained, steps ${firstStep + 1} to ${totalSteps}`;
      return { level: 'info', text };
    }
    case 'step': {
      const { step, totalSteps, loss, tokensPerSecond, skipped, method } = message;
      const speed = `${Math.round(tokensPerSecond)} tokens/s`;
      const what = skipped ? 'skipped' : `loss ${loss === null ? 'not finite' : loss.toFixed(4)}`;
      const said = method === undefined ? '' : `, ${method}`;
      return { level: 'debug', text: `step ${step} of ${totalSteps}: ${what}, ${speed}${said}` };
    }
    case 'evaluation': {
      const { step, loss, best } = message;
      const value = loss === null ? 'not finite' : loss.toFixed(4);
      return {
        level: 'info',
        text: `evaluation after step ${step}: loss ${value}${best ? ', the best' : ''}`,
      };
    }
    case 'checkpoint':
      return { level: 'info', text: `checkpoint of step ${message.step} written: ${message.path}` };
    case 'artifact':
      return { level: 'info', text: `${message.format} written: ${message.path}` };
    case 'warning':
      return { level: 'warn', text: message.message };
    case 'failure':
      return { level: 'error', text: `${message.message} (${message.code})` };
    case 'end':
      return { level: 'info', text: `ended (${message.reason}) after step ${message.step}` };
    case 'sample':
      // Texts of the model may hold anything from the data: they belong to the metrics, not to the
      // log.
      return undefined;
    default:
      return message satisfies never;
  }
}

function stageLine(message: TelemetryOf<'stage'>): Line {
  const { stage, state, subject, done, total, unit, note } = message;
  const amount = done === undefined ? '' : ` ${done}${total === undefined ? '' : `/${total}`}`;
  const what = [subject, note].filter((each) => each !== undefined).join(', ');
  const text = `${stage} ${state.toLowerCase()}${what === '' ? '' : `: ${what}`}${amount}${unit === undefined || done === undefined ? '' : ` ${unit.toLowerCase()}`}`;
  return { level: state === 'Running' ? 'debug' : 'info', text };
}

/** A step that was told at `debug` is told at `info` so often. */
export const stepLineMs = 10_000;
