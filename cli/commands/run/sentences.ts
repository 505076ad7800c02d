// A run for screen readers: whole sentences on changes, and at most every ten seconds while
// training. No boxes, no bars, no redrawing.
import { linesOf } from '../../jobs/message-lines.ts';
import { emptyRun, type RunState, secondsLeft, see } from '../../jobs/run-state.ts';
import { real, seconds } from '../../terminal/numbers.ts';
import { summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';

const everySeconds = 10;

export function runSentences(write: (line: string) => void, command = 'anneal'): RunView {
  let state: RunState = emptyRun;
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    begin({ record, number }, continued) {
      const what = continued ? `Resuming run ${number}` : `Starting run ${number}`;
      write(`${what} of the job ${record.name}.`);
    },
    see(message) {
      state = see(state, message);
      if (message.type !== 'step') {
        for (const line of linesOf(message)) write(line.trim().replaceAll(/ +· +| {2,}/g, ', '));
        return;
      }
      if (message.time - saidAt < everySeconds && message.step !== message.totalSteps) return;
      saidAt = message.time;
      write(progressSentence(state));
    },
    end(ended) {
      for (const line of summaryLines(ended, 10_000, command)) write(spoken(line));
    },
  };
}

function progressSentence(state: RunState): string {
  const { step } = state;
  if (step === null) return 'Training has not begun.';
  const left = secondsLeft(state);
  const share = Math.round((100 * step.step) / step.totalSteps);
  const eta = left === null || step.step === step.totalSteps ? '' : `, about ${seconds(left)} left`;
  return `${share} percent, step ${step.step} of ${step.totalSteps}${eta}. The loss is ${real(step.loss)}.`;
}

/**
 * `  loss        2.4` becomes `loss: 2.4`; the mark before a line repeats its words and is dropped.
 */
function spoken(line: string): string {
  return line
    .replace(/^[✓✗‖] /u, '')
    .trim()
    .replace(/ {2,}/, ': ');
}
