// What was measured of adapters, as docs/methods.md has it: a table, and below it the lists that
// follow from the figures.
import { measured } from '../../../crds/explain/measured.generated.ts';
import { type Measured, measuredLora, spreadOfLora } from '../../../crds/explain/measured.ts';
import { inWords } from '../../../crds/schema/text.ts';
import { line } from '../../bench/train/table.ts';

const head = [
  ...['preset', 'learning rate', 'values trained', 'held-out loss before', 'after'],
  ...['after, less LoRA’s of the same seed', 'seeds', 'peak MiB', 'measured ÷ planned'],
  'processor time of a step ÷ LoRA’s',
];
const methods = Object.entries(measured.methods);

export const measuredPlace = /^\| preset \| learning rate [\s\S]*?(?=\n\nThis is how to read)/m;

export function measuredTable(): string {
  const rows = methods.map(([name, one]) =>
    one === null
      ? [`\`${name}\``, 'not measured', ...head.slice(2).map(() => '')]
      : [`\`${name}\``, ...cells(name, one)],
  );
  const table = [head, head.map(() => '---'), ...rows].map(line).join('\n');
  return [table, ...lists()].join('\n\n');
}

function cells(name: string, one: Measured): readonly string[] {
  const { before, after, besideLora, trained, seeds, peakMiB, ofPlan } = one;
  return [
    rateOf(one),
    trained.toLocaleString('en'),
    `${before.toFixed(3)}${one.base === 'Dense' ? '' : ` (base ${one.base})`}`,
    rangeOf(after, seeds),
    name === 'LoRA' ? '' : rangeOf(besideLora, seeds),
    String(seeds),
    peakMiB.toLocaleString('en'),
    ofPlan.toFixed(3),
    timeOf(one),
  ];
}

/** That of LoRA as it is, any other as times LoRA's. */
function rateOf({ learningRate }: Measured): string {
  const times = Number((learningRate / measuredLora().learningRate).toPrecision(2));
  const words = learningRate.toExponential();
  return times === 1 ? words : `**${words}**, ${times} times LoRA’s`;
}

function rangeOf(range: Measured['after'], seeds: number): string {
  if (range === null) return 'none';
  const { median, least, most } = range;
  const bounds = `${least.toFixed(3)}–${most.toFixed(3)}`;
  const words = seeds === 1 ? median.toFixed(3) : `${median.toFixed(3)} (${bounds})`;
  return words.replaceAll('-', '−');
}

function timeOf({ stepOfLora, timedSeeds }: Measured): string {
  return stepOfLora === null ? 'not counted' : `${stepOfLora.toFixed(2)} (seeds: ${timedSeeds})`;
}

function lists(): readonly string[] {
  const noise = spreadOfLora();
  const others = methods.flatMap(([name, one]) =>
    one === null || name === 'LoRA' ? [] : [{ name: `\`${name}\``, ...one }],
  );
  const namesOf = (holds: (one: Measured) => boolean) =>
    inWords(
      others.filter(holds).map(({ name }) => name),
      'and',
    );
  const within = namesOf(({ besideLora }) => Math.abs(besideLora?.median ?? Infinity) <= noise);
  const below = namesOf(({ besideLora }) => (besideLora?.median ?? 0) < -noise) || 'none';
  const otherRates = namesOf(({ learningRate }) => learningRate !== measuredLora().learningRate);
  const widths = others.map(({ besideLora }) =>
    besideLora === null ? 0 : besideLora.most - besideLora.least,
  );
  return [
    `The losses of LoRA’s ${measuredLora().seeds} seeds lie ${noise.toFixed(3)} apart; differences of a method to it, seed by seed, lie up to ${Math.max(...widths).toFixed(3)} apart. Not further from LoRA than its own seeds are from each other, which means nothing: ${within}. Further below it: ${below}.`,
    `Another learning rate than LoRA’s, so that the loss compares rates as well as methods: ${otherRates}.`,
  ];
}
