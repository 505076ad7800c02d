// Measurements → a Markdown table: medians with the least and the greatest, beside those of the
// first contender with the same requests.
import { line, median, spread } from '../../train/table.ts';
import type { Contender } from './comparisons.ts';
import type { Driven } from './drive.ts';

type Found = ReadonlyMap<Pick<Contender, 'name' | 'schedule'>, readonly Driven[]>;

const head = [
  ...['', 'tokens', 'tokens/s', 'of the first', 'processor ms a token', 'of the first'],
  ...['answers as the first', 'median wait, s'],
];

export function httpTable(found: Found): string {
  const rows = [...found].map(([{ name, schedule }, all]) => {
    const [, first = []] = [...found].find(([one]) => one.schedule === schedule) ?? [];
    // The first with these requests is measured by the first of all.
    const beside = first === all ? ([...found.values()][0] ?? []) : first;
    const waits = all.filter((one) => one.waits.length > 0).map((one) => median(one.waits));
    return [
      ...[name, String(all[0]?.tokens ?? 0)],
      ...[spread(all.map(speed), 1), ratio(all, beside, speed)],
      ...[spread(all.map(processor), 2), ratio(all, beside, processor)],
      ...[first === all ? '' : answersAs(all, first), spread(waits, 1)],
    ];
  });
  const align = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, align, ...rows].map(line).join('\n');
}

const speed = ({ tokens, seconds }: Driven): number => tokens / seconds;
const processor = (one: Driven): number => (1000 * one.processor) / one.tokens;

function ratio(
  all: readonly Driven[],
  beside: readonly Driven[],
  of: (one: Driven) => number,
): string {
  return (median(all.map(of)) / median(beside.map(of))).toFixed(2);
}

/** How many have the same text, of the first round. */
function answersAs([own]: readonly Driven[], [first]: readonly Driven[]): string {
  const answers = own?.answers ?? [];
  const same = answers.filter(({ text }, i) => text === first?.answers[i]?.text).length;
  return `${same} of ${answers.length}`;
}
