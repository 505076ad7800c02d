// docs/reference/combinations.md: a table for each pair of axes, and the reasons of each "no".
import { pairsOfAxes, typesOf, type Verdict, verdicts } from '../combinations/combinations.ts';
import type { AxisName } from '../methods/method.ts';
import { markdownTable } from '../text/markdown-table.ts';

/** The page without its header comment. */
export function combinationsPage(): string {
  const all = verdicts();
  const reasons = [...new Set(all.flatMap(({ refused }) => refused ?? []))];
  const tables = pairsOfAxes().flatMap(([one, other]) => pairTable(one, other, all, reasons));
  return [
    '# What combines',
    'A method is a value for each of six axes. Two values combine (`yes`) if some choice of the other axes allows a job\nwith both; otherwise a number refers to the reason. The tables come from the rules that refuse a job, and a test trains a tiny model\nfor two steps with every allowed pair.',
    ...tables,
    ...(reasons.length === 0
      ? []
      : ['## Why not', reasons.map((reason, index) => `${index + 1}. \`${reason}\``).join('\n')]),
  ].join('\n\n');
}

function pairTable(
  one: AxisName,
  other: AxisName,
  all: readonly Verdict[],
  reasons: readonly string[],
): readonly string[] {
  const types = typesOf(other);
  const cell = (first: string, second: string): string => {
    const found = all.find(
      (verdict) => isAt(verdict.one, one, first) && isAt(verdict.other, other, second),
    );
    const refused = found?.refused ?? null;
    return refused === null ? 'yes' : `no (${reasons.indexOf(refused) + 1})`;
  };
  const rows = typesOf(one).map((first) => [
    `\`${first}\``,
    ...types.map((second) => cell(first, second)),
  ]);
  const head = [`${one} \\ ${other}`, ...types.map((type) => `\`${type}\``)];
  return [`## ${one} and ${other}`, markdownTable(head, rows)];
}

function isAt(value: Verdict['one'], axis: AxisName, type: string): boolean {
  return value[0] === axis && value[1] === type;
}
