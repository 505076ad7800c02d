// `anneal estimate FILE FILE…` as text: each job, and all of them in one process.
import { type TogetherEstimate, trainingPeak } from '../../estimate/together.ts';
import { bytes } from '../../terminal/numbers.ts';
import { table } from '../../terminal/table.ts';
import { entry } from '../../terminal/wrap.ts';

export function togetherText({ jobs, device, peak, limit, fits }: TogetherEstimate): string {
  const row = (label: string, text: string): readonly string[] =>
    entry(label, text, { width: 80, column: 10, indent: '' });
  const lines = [
    ...row('model', jobs[0]?.model.source ?? ''),
    ...row('jobs', `${jobs.length} that train together, in one process on ${device}`),
    '',
    ...table([
      ['', 'alone', 'between steps'],
      ...jobs.map((job) => [job.job, bytes(trainingPeak(job)), bytes(job.kept)]),
      ['together', bytes(peak), ''],
    ]),
    '',
    `${bytes(limit)} are there: ${fits ? 'they fit' : 'they do not fit; estimate fewer of them'}`,
    'Each by itself: anneal estimate FILE',
  ];
  return `${lines.join('\n')}\n`;
}
