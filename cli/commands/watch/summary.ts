// The summary that stays on the terminal after a job was watched.
import { phaseOf } from '../../jobs/job.ts';
import type { JobState } from '../../jobs/job-state.ts';
import { isOver } from '../../jobs/job-state.ts';
import { whyOf } from '../../jobs/why.ts';
import { seconds, shortCount } from '../../terminal/numbers.ts';
import { type Paint, styleOf } from '../../terminal/palette.ts';
import { lossWords } from '../../text/loss-words.ts';

interface SummaryStyle {
  readonly paint: Paint;
  readonly command: string;
  readonly isCluster: boolean;
}

export function watchSummary(state: JobState, style: SummaryStyle): readonly string[] {
  const { job, gone } = state;
  const { paint, command, isCluster } = style;
  if (job === null) return [];
  if (gone) return [`✗ ${job.name} was deleted`];
  const phase = phaseOf(job);
  const { glyph, ...display } = styleOf(phase);
  if (!isOver(state)) {
    const where = isCluster ? 'the job continues' : 'the run continues';
    return [
      `${paint(`${glyph} ${job.name} ${phase}`, display)}; ${where}`,
      `next: ${command} watch ${job.name}`,
    ];
  }
  const { startTime, completionTime, progress, restarts } = job.status;
  const took =
    startTime === undefined || completionTime === undefined
      ? ''
      : ` in ${seconds((Date.parse(completionTime) - Date.parse(startTime)) / 1000)}`;
  const facts = [
    ...(progress?.step === undefined
      ? []
      : [`step ${progress.step}/${progress.totalSteps ?? '?'}`]),
    ...lossWords(job.status),
    ...(progress?.tokensSeen === undefined ? [] : [`${shortCount(progress.tokensSeen)} tokens`]),
    ...(restarts?.counted
      ? [`${restarts.counted} ${restarts.counted === 1 ? 'restart' : 'restarts'}`]
      : []),
  ];
  const word = phase === 'Succeeded' ? 'succeeded' : 'failed';
  const why = whyOf(job, command);
  return [
    paint(`${glyph} ${job.name} ${word}${took}`, display),
    ...(facts.length === 0 ? [] : [`  ${facts.join(' · ')}`]),
    ...(phase === 'Failed'
      ? [`  ${why.happened}`, ...(why.change === '' ? [] : [`  ${why.change}`])]
      : []),
    ...(job.status.artifacts ?? []).map(({ type, uri }) => `  ${type}  ${uri}`),
    `next: ${command} ${phase === 'Failed' ? 'why' : 'metrics'} ${job.name}`,
  ];
}
