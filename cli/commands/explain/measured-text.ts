// What was measured of adapters, as text: a table of all, and a sentence of one. A learning rate
// other than LoRA's is told, since losses at two rates compare the rates as well.
import { measured as series } from '../../../crds/explain/measured.generated.ts';
import { type Measured, measuredLora, spreadOfLora } from '../../../crds/explain/measured.ts';
import { count, real, short } from '../../terminal/numbers.ts';
import { wrap } from '../../terminal/wrap.ts';

interface Row {
  readonly type: string;
  readonly measured: Measured | null;
}

const run = `${series.steps} steps of at most ${series.tokens} tokens`;

export function measuredLines(rows: readonly Row[], width: number): readonly string[] {
  const otherBases = rows.filter(({ measured }) => measured !== null && measured.base !== 'Dense');
  return [
    ...wrap(
      `Measured on ${series.model}, ${run}, with the parameters of each example; medians over the seeds. Loss is of ${count(series.heldOutTokens)} held-out tokens, vs LoRA its difference to LoRA with the same seeds: ${noiseInWords()}. MiB is the peak of training, time the processor time of a step as a share of LoRA's (- where it was not counted). * is another learning rate than LoRA's.${otherBases.map(baseInWords).join('')}`,
      width,
    ),
    '',
    line('', ['rate ', 'trained', 'before', 'after', 'vs LoRA', 'seeds', 'MiB', 'of plan', 'time']),
    ...rows.map(({ type, measured }) =>
      measured === null ? `  ${type.padEnd(nameWidth)}not measured` : line(type, cells(measured)),
    ),
  ];
}

const nameWidth = 10;
const widths = [8, 8, 8, 7, 9, 7, 7, 8, 6];

function line(name: string, values: readonly string[]): string {
  const padded = values.map((value, index) => value.padStart(widths[index] ?? 0));
  return `  ${name.padEnd(nameWidth)}${padded.join('')}`;
}

function cells(one: Measured): readonly string[] {
  return [
    `${rate(one)}${hasRateOfLora(one) ? ' ' : '*'}`,
    short(one.trained),
    one.before.toFixed(3),
    one.after?.median.toFixed(3) ?? 'none',
    signed(one.besideLora?.median),
    String(one.seeds),
    count(one.peakMiB),
    one.ofPlan.toFixed(3),
    one.stepOfLora?.toFixed(2) ?? '-',
  ];
}

/** Of the preset `name`. */
export function measuredWords(name: string, one: Measured | null): string {
  if (one === null) return 'not measured';
  const isLora = name === 'LoRA';
  const { before, after, trained, peakMiB, ofPlan, besideLora } = one;
  const seeds = isLora ? overSeeds(after, one, plain) : besideInWords(besideLora, one);
  return [
    `held-out loss ${before.toFixed(3)} before and ${real(after?.median, 3)} after ${run}, ${series.model} (${seeds})`,
    ...(isLora ? [] : [noiseInWords()]),
    rateInWords(one),
    `${short(trained)} values trained`,
    `peak of training ${count(peakMiB)} MiB, ${ofPlan.toFixed(3)} of the plan`,
    ...(isLora ? [] : [timeInWords(one)]),
  ].join('; ');
}

function noiseInWords(): string {
  return `LoRA's own ${measuredLora().seeds} seeds lie ${spreadOfLora().toFixed(3)} apart, and less than that means nothing`;
}

function baseInWords({ type, measured }: Row): string {
  return ` ${type} has the base ${measured?.base}, LoRA a dense one.`;
}

function besideInWords(besideLora: Measured['besideLora'], one: Measured): string {
  const seeds = overSeeds(besideLora, one, signed);
  const base =
    one.base === 'Dense' ? '' : `, with the base ${one.base}, where that of LoRA is dense`;
  const difference = besideLora === null ? 'not compared' : `${signed(besideLora.median)} vs LoRA`;
  return `${difference}, ${seeds}${base}`;
}

function overSeeds(
  range: Measured['after'],
  { seeds }: Measured,
  words: (value: number) => string,
): string {
  if (seeds === 1) return 'one seed';
  const bounds = range === null ? '' : `, ${words(range.least)} to ${words(range.most)}`;
  return `${seeds} seeds${bounds}`;
}

function rateInWords(one: Measured): string {
  const other = hasRateOfLora(one) ? '' : `, where LoRA has ${rate(measuredLora())}`;
  return `learning rate ${rate(one)}${other}`;
}

function timeInWords({ stepOfLora, timedSeeds }: Measured): string {
  if (stepOfLora === null) return 'processor time of a step not counted';
  const seeds = timedSeeds === 1 ? 'one seed' : `${timedSeeds} seeds`;
  return `processor time of a step ${stepOfLora.toFixed(2)} times LoRA's, ${seeds}`;
}

const plain = (value: number): string => value.toFixed(3);

function rate({ learningRate }: Measured): string {
  return learningRate.toExponential();
}

function hasRateOfLora({ learningRate }: Measured): boolean {
  return learningRate === measuredLora().learningRate;
}

/** A difference of losses; nothing where there is none. */
function signed(difference: number | undefined): string {
  if (difference === undefined) return '';
  return `${difference > 0 ? '+' : ''}${difference.toFixed(3)}`;
}
