// A run as plain lines: for pipes, logs and terminals that cannot redraw. One line per change, and
// one every few seconds of training.

import type { StagedSpec } from '../../../crds/stages/stage.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import type { TelemetryOf } from '../../../crds/wire/telemetry.ts';
import { liveStages } from '../../jobs/job-stages.ts';
import { linesOf, lineWidth } from '../../jobs/message-lines.ts';
import { emptyRun, type RunState, secondsLeft, see } from '../../jobs/run-state.ts';
import { count, real, seconds } from '../../terminal/numbers.ts';
import { summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';
import { stageEdges } from '../../text/stage-line.ts';

/** Seconds between two lines of steps. */
const stepLineSeconds = 3;

const label = 'stages     ';

/** Prints lines; `write` receives each without its line end. */
export function runLines(write: (line: string) => void, command = 'anneal'): RunView {
  let state: RunState = emptyRun;
  let lastStepAt = Number.NEGATIVE_INFINITY;
  let said: string | undefined;
  const edges = stageEdges(80 - label.length);
  let spec: StagedSpec | undefined;
  return {
    begin({ record, folder }, continued) {
      spec = record.spec;
      write(`${record.name}: ${continued ? 'resuming' : 'new run'} ${folder}`);
    },
    see(message) {
      state = see(state, message);
      const edge = spec && edges(liveStages(spec, state));
      if (edge !== undefined) write(label + edge);
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
