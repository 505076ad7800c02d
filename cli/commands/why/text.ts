// `anneal why` as text: the job, what happened, what happens automatically, what the user can
// change.
import { type Job, phaseOf } from '../../jobs/job.ts';
import type { Why } from '../../jobs/why.ts';
import { type Paint, styleOf } from '../../terminal/palette.ts';
import { wrap } from '../../terminal/wrap.ts';

interface WhyStyle {
  readonly width: number;
  readonly paint: Paint;
}

export function whyText(job: Job, why: Why, { width, paint }: WhyStyle): string {
  const phase = phaseOf(job);
  const style = styleOf(phase);
  const head = `${paint(job.name, { bold: true })}  ${paint(`${style.glyph} ${phase}`, style)}`;
  const words = [why.happened, why.doing, why.change].filter((text) => text !== '');
  return `${[head, ...words.flatMap((text) => wrap(text, width))].join('\n')}\n`;
}
