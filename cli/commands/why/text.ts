// `anneal why` as text: the job, what happened, what happens automatically, what the user can
// change.
import type { Phase } from '../../../crds/index.ts';
import { type Job, phaseOf } from '../../jobs/job.ts';
import { type Party, partyPhase } from '../../jobs/parties.ts';
import type { Why } from '../../jobs/why.ts';
import { type Paint, styleOf } from '../../terminal/palette.ts';
import { wrap } from '../../terminal/wrap.ts';

interface WhyStyle {
  readonly width: number;
  readonly paint: Paint;
}

export function whyText(job: Job, why: Why, style: WhyStyle): string {
  return textOf(job.name, phaseOf(job), why, style);
}

export function partyWhyText(party: Party, why: Why, style: WhyStyle): string {
  return textOf(party.name, partyPhase(party), why, style);
}

function textOf(name: string, phase: Phase, why: Why, { width, paint }: WhyStyle): string {
  const style = styleOf(phase);
  const head = `${paint(name, { bold: true })}  ${paint(`${style.glyph} ${phase}`, style)}`;
  const words = [why.happened, why.doing, why.change].filter((text) => text !== '');
  return `${[head, ...words.flatMap((text) => wrap(text, width))].join('\n')}\n`;
}
