// A job as plain lines: one per change, and one per interval of training. As sentences for screen
// readers, as JSON for programs.

import { sanitize } from '../../../crds/text/sanitize.ts';
import { type Job, localNamespace, phaseOf } from '../../jobs/job.ts';
import { jobStages } from '../../jobs/job-stages.ts';
import { isOver, type JobEvent, type JobState } from '../../jobs/job-state.ts';
import { secondsLeft } from '../../jobs/run-state.ts';
import { clockText } from '../../terminal/age.ts';
import { percent, real, seconds, shortCount } from '../../terminal/numbers.ts';
import { stageEdges } from '../../text/stage-line.ts';

export interface WatchView {
  /**
   * Holds lines back until disposed, then prints them by time: the messages of an ended job arrive
   * all at once.
   */
  readonly held?: () => Disposable;
  see(before: JobState, after: JobState, events: readonly JobEvent[]): void;
}

/** Seconds of training between two lines about steps. */
const usualInterval = 10;

export function watchLines(
  name: string,
  write: (line: string) => void,
  interval = usualInterval,
): WatchView & { readonly held: () => Disposable } {
  const toldAt = { step: Number.NEGATIVE_INFINITY };
  // With the time and the name it fits in 80 columns.
  const stages = stagesSaid(70 - name.length);
  /** Lines held back for older ones; null: not holding. */
  let waiting: Said[] | null = null;
  const say = (line: Said): void => {
    if (waiting === null) write(`${clockText(line.time)} ${name} ${sanitize(line.words)}`);
    else waiting.push(line);
  };
  return {
    see(before, after) {
      for (const line of changes(before, after)) say(line);
      for (const line of stages(before, after)) say(line);
      const { step } = after.run;
      if (step === null || step === before.run.step || !isDue(toldAt, after, interval)) return;
      say({ time: step.time, words: stepWords(after) });
    },
    held() {
      waiting = [];
      return {
        [Symbol.dispose]() {
          const lines = waiting ?? [];
          waiting = null;
          for (const line of lines.toSorted((a, b) => a.time - b.time)) say(line);
        },
      };
    },
  };
}

export function watchSentences(write: (line: string) => void, interval = usualInterval): WatchView {
  const toldAt = { step: Number.NEGATIVE_INFINITY };
  const stages = stagesSaid(Number.POSITIVE_INFINITY);
  return {
    see(before, after) {
      for (const { words } of changes(before, after)) write(`${sanitize(words)}.`);
      for (const { words } of stages(before, after))
        write(`The stages: ${words.replaceAll(' · ', ', ')}.`);
      const { step } = after.run;
      if (step === null || step === before.run.step || !isDue(toldAt, after, interval)) return;
      const left = secondsLeft(after.run);
      const eta =
        left === null || step.step === step.totalSteps ? '' : `, about ${seconds(left)} left`;
      const share = percent(step.step / step.totalSteps, 0).replace(' %', ' percent');
      write(
        `${share}, step ${step.step} of ${step.totalSteps}${eta}. The loss is ${real(step.loss)}.`,
      );
    },
  };
}

/** Every message unchanged; fields are only ever added. */
export function watchJson(job: string, write: (line: string) => void): WatchView {
  let last: string | undefined;
  const say = (content: object): void => write(JSON.stringify({ job, ...content }));
  return {
    see(_before, after, events) {
      for (const event of events) {
        if (event.type === 'Heard') {
          const { heard } = event;
          if (heard.type === 'Message') say({ index: heard.index, ...heard.message });
          else if (heard.type === 'PodEvent')
            say({ ...heard.event, type: 'podEvent', event: heard.event.type });
          else if (heard.type === 'Away') say({ type: 'stale', time: event.at, why: heard.why });
        } else if (event.type === 'Away') say({ type: 'stale', time: event.at, why: event.why });
        else if (event.type === 'Gone') say({ type: 'deleted' });
      }
      const phase = after.job === null ? undefined : phaseOf(after.job);
      if (phase !== undefined && phase !== last) {
        say({ type: 'phase', phase, reason: after.job?.status.failure?.reason });
      }
      last = phase;
    },
  };
}

/** True after each interval of training, and at the last step. */
function isDue(toldAt: { step: number }, { run: { step } }: JobState, interval: number): boolean {
  if (step === null) return false;
  if (step.time - toldAt.step < interval && step.step !== step.totalSteps) return false;
  toldAt.step = step.time;
  return true;
}

interface Said {
  readonly time: number;
  readonly words: string;
}

/** Changes of phase, events, and sources that do not answer. */
function changes(before: JobState, after: JobState): readonly Said[] {
  const known = new Set(before.happened.map(({ time, words }) => `${time} ${words}`));
  // On a cluster only "counts" is printed; "written" comes a moment earlier.
  const isLocal = after.job?.namespace === localNamespace;
  const said: Said[] = after.happened.filter(
    ({ time, words, saved }) =>
      !known.has(`${time} ${words}`) && (isLocal || saved?.counts !== false),
  );
  const phase = after.job === null ? undefined : phaseOf(after.job);
  const was = before.job === null ? undefined : phaseOf(before.job);
  const at = timeOf(after);
  return [
    ...(phase === undefined || phase === was ? [] : [{ time: at, words: phaseText(after.job) }]),
    ...said,
    ...(['jobs', 'bus'] as const).flatMap((who) => {
      const away = after.away[who];
      if (away === null || before.away[who] !== null) return [];
      return [{ time: away.since, words: `stale: ${away.why}` }];
    }),
    ...(after.gone && !before.gone ? [{ time: at, words: 'deleted' }] : []),
  ];
}

/** The line of the stages each time that another one begins. */
function stagesSaid(width: number) {
  const edges = stageEdges(width);
  return (before: JobState, after: JobState): readonly Said[] => {
    // Not for each step of a long history: none of them but the first begins a stage.
    const isStep = before.run.step !== null && after.run.step !== before.run.step;
    if (after.job === null || isStep) return [];
    const words = edges(jobStages(after.job, after.run));
    return words === undefined ? [] : [{ time: timeOf(after), words }];
  };
}

function phaseText(job: Job | null): string {
  if (job === null) return '';
  const phase = phaseOf(job);
  const summary = job.status.workers?.summary;
  // Later the count is out of date: the steps show that the workers train.
  return phase === 'Starting' && summary !== undefined ? `${phase}, ${summary} workers` : phase;
}

function timeOf({ job, run }: JobState): number {
  const times = (job?.status.conditions ?? []).map(
    ({ lastTransitionTime }) => Date.parse(lastTransitionTime) / 1000,
  );
  return Math.max(run.until ?? 0, ...times);
}

function stepWords(state: JobState): string {
  const { step } = state.run;
  if (step === null) return '';
  const left = isOver(state) ? null : secondsLeft(state.run);
  const parts = [
    `step ${step.step}/${step.totalSteps}`,
    `loss ${real(step.loss)}`,
    `${shortCount(step.tokensPerSecond)} tok/s`,
    ...(left === null || step.step === step.totalSteps ? [] : [`${seconds(left)} left`]),
  ];
  return parts.join(' · ');
}
