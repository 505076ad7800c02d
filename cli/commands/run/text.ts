// A run as plain lines: for pipes, logs and terminals that cannot redraw. One line per change, and
// one every few seconds of training.

import { sanitize } from '../../../crds/text/sanitize.ts';
import type { TelemetryOf } from '../../../crds/wire/telemetry.ts';
import { linesOf, lineWidth } from '../../jobs/message-lines.ts';
import { emptyRun, type RunState, secondsLeft, see } from '../../jobs/run-state.ts';
import { count, real, seconds } from '../../terminal/numbers.ts';
import { summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';

/** Seconds between two lines of steps. */
const stepLineSeconds = 3;

/** Prints lines; `write` receives each without its line end. */
export function runLines(write: (line: string) => void, command = 'anneal'): RunView {
  let state: RunState = emptyRun;
  let lastStepAt = Number.NEGATIVE_INFINITY;
  let said: string | undefined;
  return {
    begin({ record, folder }, continued) {
      write(`${record.name}: ${continued ? 'resuming' : 'new run'} ${folder}`);
    },
    see(message) {
      state = see(state, message);
      if (message.type !== 'step') {
        for (const line of linesOf(message)) write(line);
        return;
      }
      if (message.method !== undefined && message.method !== said) {
        said = message.method;
        write(sanitize(`method     step ${message.step} · ${said}`));
      }
      const last = message.step === message.totalSteps;
      if (!last && message.time - lastStepAt < stepLineSeconds) return;
      lastStepAt = message.time;
      write(stepLine(message, secondsLeft(state)));
    },
    end(ended) {
      write('');
      for (const line of summaryLines(ended, lineWidth, command)) write(line);
    },
  };
}

function stepLine(message: TelemetryOf<'step'>, left: number | null): string {
  const { step, totalSteps, loss, tokensPerSecond, learningRate } = message;
  const parts = [
    `${String(step).padStart(String(totalSteps).length)}/${totalSteps}`,
    `loss ${real(loss)}`,
    `${count(Math.round(tokensPerSecond))} tok/s`,
    `lr ${learningRate.toExponential(1)}`,
    ...(left === null || step === totalSteps ? [] : [`${seconds(left)} left`]),
  ];
  return `step       ${parts.join(' · ')}`;
}
