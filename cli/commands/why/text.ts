// `anneal why` as text: the job, what happened, what happens automatically, what the user can
// change.
import { sanitize } from '../../../crds/text/sanitize.ts';
import type { BesideJob } from '../../jobs/beside.ts';
import { type Job, phaseOf } from '../../jobs/job.ts';
import type { Why } from '../../jobs/why.ts';
import { type Paint, type Style, styleOf } from '../../terminal/palette.ts';
import { wrap } from '../../terminal/wrap.ts';
import { besideState } from '../../text/beside-state.ts';

interface WhyStyle {
  readonly width: number;
  readonly paint: Paint;
}

export function whyText(job: Job, why: Why, style: WhyStyle): string {
  const state = phaseOf(job);
  return textOf({ name: job.name, state, mark: styleOf(state) }, why, style);
}

/** Of a federation, a pool or a server of adapters. */
export function besideWhyText(one: BesideJob, why: Why, style: WhyStyle): string {
  return textOf({ name: one.name, ...besideState(one) }, why, style);
}

interface Head {
  readonly name: string;
  readonly state: string;
  readonly mark: Style;
}

function textOf({ name, state, mark }: Head, why: Why, { width, paint }: WhyStyle): string {
  const head = `${paint(name, { bold: true })}  ${paint(`${mark.glyph} ${state}`, mark)}`;
  const words = [why.happened, why.doing, why.change].filter((text) => text !== '').map(sanitize);
  return `${[head, ...words.flatMap((text) => wrap(text, width))].join('\n')}\n`;
}
