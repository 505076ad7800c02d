// docs/reference/combinations.md: a table for each two axes, and the sentences behind each no.
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
    'A method is a value for each of five axes. Two values combine (`yes`) when a job may have both, whatever its other axes\nhave to be for that; a number names the reason why not. The tables come from the rules that refuse a job, and a test trains a toy for\ntwo steps in every pair that is allowed.',
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

function isAt(side: Verdict['one'], axis: AxisName, type: string): boolean {
  return side[0] === axis && side[1] === type;
}
