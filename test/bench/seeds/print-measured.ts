// Prints crds/explain/measured.generated.ts from docs/evidence/seeds.jsonl:
// `node test/bench/seeds/print-measured.ts`. A test compares.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MeasuredSeries } from '../../../crds/explain/measured.ts';
import { Outcomes } from '../outcomes.ts';
import { measuredSeries } from './measured.ts';
import { outcome } from './outcome.ts';

const root = join(import.meta.dirname, '../../..');
export const measuredFile = join(root, 'crds/explain/measured.generated.ts');

const header = `// Printed by \`node test/bench/seeds/print-measured.ts\` from docs/evidence/seeds.jsonl, which
// \`npm run bench -- seeds --adapters\` writes. Do not edit.
import type { MeasuredSeries } from './measured.ts';
`;

export async function printMeasured(): Promise<string> {
  const outcomes = new Outcomes(join(root, 'docs/evidence/seeds.jsonl'), outcome);
  return textOf(measuredSeries(await outcomes.read()));
}

/** A line for each method. */
function textOf({ methods, ...series }: MeasuredSeries): string {
  const member = ([name, value]: readonly [string, unknown]) =>
    `${name}: ${JSON.stringify(value)},`;
  const lines = [
    ...Object.entries(series).map((one) => `  ${member(one)}`),
    '  methods: {',
    ...Object.entries(methods).map((one) => `    ${member(one)}`),
    '  },',
  ];
  return `${header}\nexport const measured: MeasuredSeries = {\n${lines.join('\n')}\n};\n`;
}

if (import.meta.main) writeFileSync(measuredFile, await printMeasured());
