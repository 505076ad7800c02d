// What `submit` says of a job: the plan, the memory that it needs, how long it is.
import type { Foreseen } from '../../estimate/foresee.ts';
import { type Job, methodOf, modelOf } from '../../jobs/job.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import { bytes, count } from '../../terminal/numbers.ts';
import { bar } from '../../terminal/plot.ts';
import { entry } from '../../terminal/wrap.ts';

interface Style {
  readonly width: number;
  readonly glyphs: Pick<GlyphSet, 'full' | 'empty'>;
}

export const column = 8;
const barWidth = 20;

export function planLines(job: Job, foreseen: Foreseen, style: Style): readonly string[] {
  const row = (label: string, text: string): readonly string[] =>
    entry(label, text, { width: style.width, column, indent: '' });
  return [
    ...row('plan', planWords(job)),
    ...row('memory', memoryWords(job, foreseen, style)),
    ...(foreseen.type === 'Known' ? row('steps', stepsWords(job, foreseen)) : []),
  ];
}

function planWords(job: Job): string {
  const { replicas, devicesPerWorker } = job.spec.worker;
  const workers = `${replicas} ${replicas === 1 ? 'worker' : 'workers'}`;
  const devices = devicesPerWorker === 0 ? 'processor' : `${devicesPerWorker} GPU`;
  return `${modelOf(job)} · ${methodOf(job).summary} · ${workers} × ${devices}`;
}

const partWords = [
  ['weights', 'weights'],
  ['gradients', 'grads'],
  ['optimizer', 'state'],
  ['activations', 'activations'],
  ['workspace', 'work'],
] as const;

function memoryWords({ spec }: Job, foreseen: Foreseen, { glyphs }: Style): string {
  if (foreseen.type === 'Unknown') {
    return `not known here: ${foreseen.why}; the cluster looks before it trains`;
  }
  const { peak, limit, parts } = foreseen;
  const each = spec.worker.devicesPerWorker === 0 ? 'a worker' : 'a GPU';
  const amount =
    limit === undefined
      ? `${bytes(peak)} ${each}, which has no limit`
      : `${bytes(peak)} of ${bytes(limit)} ${each}  ${bar(peak / limit, barWidth, glyphs)} `;
  const of = partWords
    .filter(([part]) => parts[part] > 0)
    .map(([part, word]) => `${word} ${bytes(parts[part])}`);
  return `${amount} ${of.join(' · ')}`;
}

function stepsWords({ spec }: Job, foreseen: Extract<Foreseen, { type: 'Known' }>): string {
  const { steps, tokensPerStep } = foreseen;
  const long = steps === undefined ? 'as many as the data gives, each' : count(steps);
  const { intervalSteps } = spec.checkpoint;
  const saves = intervalSteps === undefined ? '' : ` · checkpoint every ${intervalSteps}`;
  return `${long} of up to ${count(tokensPerStep)} tokens${saves}`;
}
