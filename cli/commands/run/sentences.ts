// A run for screen readers: whole sentences on changes, and at most every ten seconds while
// training. No boxes, no bars, no redrawing.
import type { StagedSpec } from '../../../crds/stages/stage.ts';
import { liveStages } from '../../jobs/job-stages.ts';
import { linesOf } from '../../jobs/message-lines.ts';
import { emptyRun, type RunState, secondsLeft, see } from '../../jobs/run-state.ts';
import { real, seconds } from '../../terminal/numbers.ts';
import { summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';
import { stageEdges } from '../../text/stage-line.ts';

const everySeconds = 10;

export function runSentences(write: (line: string) => void, command = 'anneal'): RunView {
  let state: RunState = emptyRun;
  let saidAt = Number.NEGATIVE_INFINITY;
  const edges = stageEdges(Number.POSITIVE_INFINITY);
  let spec: StagedSpec | undefined;
  return {
    begin({ record, number }, continued) {
      spec = record.spec;
      const what = continued ? `Resuming run ${number}` : `Starting run ${number}`;
      write(`${what} of the job ${record.name}.`);
    },
    see(message) {
      state = see(state, message);
      const edge = spec && edges(liveStages(spec, state));
      if (edge !== undefined) write(`The stages: ${edge.replaceAll(' · ', ', ')}.`);
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
