// The text of `submit`: plan, memory and length of each job, and the answer of the cluster.
import type { Preflighted } from '../../estimate/preflight.ts';
import { type Job, keyOf, methodOf, modelOf } from '../../jobs/job.ts';
import { jobSummary } from '../../jobs/job-summary.ts';
import type { Viewing } from '../../process/context.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import { jsonOf } from '../../terminal/json.ts';
import { bytes, count } from '../../terminal/numbers.ts';
import { styleOf } from '../../terminal/palette.ts';
import { bar } from '../../terminal/plot.ts';
import { entry } from '../../terminal/wrap.ts';
import type { SubmitFlags } from './run.ts';
import type { Submitted } from './send.ts';

interface Style {
  readonly width: number;
  readonly glyphs: Pick<GlyphSet, 'full' | 'empty'>;
}

const column = 8;

const barWidth = 20;

/** A text for each job. */
export function plansOf(
  submitted: readonly Submitted[],
  preflighted: readonly Preflighted[],
  { columns = Number.POSITIVE_INFINITY, glyphs }: Viewing['output'],
): readonly string[] {
  return submitted.map(({ job }, index) => {
    const known = preflighted[index];
    const lines = known === undefined ? [] : planLines(job, known, { width: columns, glyphs });
    return `${lines.join('\n')}\n`;
  });
}

/** The answers, and the next commands. */
export function tell(
  submitted: readonly Submitted[],
  preflighted: readonly Preflighted[],
  flags: SubmitFlags,
  { output, config: { command } }: Viewing,
): void {
  if (flags.output === 'json') {
    const items = submitted.map(({ job, change }, index) => {
      const known = preflighted[index];
      if (known?.type !== 'Known') return { ...jobSummary(job), change };
      const { peak, limit, fits } = known;
      return { ...jobSummary(job), change, memory: { peak, limit, fits } };
    });
    output.write(jsonOf('SubmittedList', { items }));
    return;
  }
  if (flags.output === 'name') {
    output.write(submitted.map(({ job }) => `${keyOf(job)}\n`).join(''));
    return;
  }
  const plans = flags.confirm ? [] : plansOf(submitted, preflighted, output);
  for (const [index, { job, change }] of submitted.entries()) {
    const words = change === 'valid' ? 'valid  ' : change;
    const dry = flags.dryRun === 'none' ? '' : ` (dry run by the ${flags.dryRun})`;
    output.write(plans[index] ?? '');
    output.write(
      `${output.paint(words, styleOf('Succeeded'))} ${job.name} in ${job.namespace}${dry}\n`,
    );
    if (flags.dryRun === 'none') output.talk(nextLines(job, command, output.columns));
  }
}

function nextLines({ name }: Job, command: string, width = Number.POSITIVE_INFINITY): string {
  const names = ['watch', 'logs -f', 'cancel'].map((verb) => `${command} ${verb} ${name}`);
  const line = names.join('   ');
  const lines = line.length + column <= width ? [line] : names;
  return lines.map((text, at) => `${(at === 0 ? 'next' : '').padEnd(column)}${text}\n`).join('');
}

function planLines(job: Job, preflighted: Preflighted, style: Style): readonly string[] {
  const row = (label: string, text: string): readonly string[] =>
    entry(label, text, { width: style.width, column, indent: '' });
  return [
    ...row('plan', planWords(job)),
    ...row('memory', memoryWords(job, preflighted, style)),
    ...(preflighted.type === 'Known' ? row('steps', stepsWords(job, preflighted)) : []),
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

function memoryWords({ spec }: Job, preflighted: Preflighted, { glyphs }: Style): string {
  if (preflighted.type === 'Unknown') {
    return `unknown: ${preflighted.why}; the cluster checks before training`;
  }
  const { peak, limit, parts } = preflighted;
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

function stepsWords({ spec }: Job, preflighted: Extract<Preflighted, { type: 'Known' }>): string {
  const { steps, tokensPerStep } = preflighted;
  const long = steps === undefined ? 'as many as the data gives, each' : count(steps);
  const { intervalSteps } = spec.checkpoint;
  const saves = intervalSteps === undefined ? '' : ` · checkpoint every ${intervalSteps}`;
  return `${long} of up to ${count(tokensPerStep)} tokens${saves}`;
}
