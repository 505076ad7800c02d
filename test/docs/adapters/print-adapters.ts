// Writes what pages repeat of the entries of adapters and of what was measured of them: names in
// README.md; in docs/methods.md the screen of `anneal explain adapters` and the table of
// measurements: `node test/docs/adapters/print-adapters.ts`. A test compares the pages with it.
import { readFileSync, writeFileSync } from 'node:fs';
import { explain } from '../../../cli/commands/explain/run.ts';
import { explanationText } from '../../../cli/commands/explain/text.ts';
import { presets } from '../../../crds/methods/index.ts';
import { measuredPlace, measuredTable } from './measured-table.ts';

interface Part {
  readonly what: string;
  readonly page: URL;
  readonly place: RegExp;
  readonly text: string;
}

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);

/** Of those that are no more than an adapter. */
const names = presets.flatMap(({ preset, axes }) => {
  const isAlone = 'base' in axes && axes.base.type === 'Dense' && !('rule' in axes);
  return isAlone && axes.adapter.type !== 'None' ? [`\`${preset}\``] : [];
});
const [screen = ''] = explanationText(explain('adapters'), 80).split('\n\nMeasured on');

export const parts: readonly Part[] = [
  {
    what: 'the names of adapters',
    page: at('README.md'),
    place: /^\| `LoRA`, [^|]*/m,
    text: `| ${names.join(', ')} `,
  },
  {
    what: 'what entries of adapters say',
    page: at('docs/methods.md'),
    place: /(?<=`anneal explain adapters`:\n\n```text\n)[^`]*(?=```)/,
    text: `${screen}\n`,
  },
  {
    what: 'what was measured',
    page: at('docs/methods.md'),
    place: measuredPlace,
    text: measuredTable(),
  },
];

if (import.meta.main) {
  for (const { page, place, text } of parts) {
    writeFileSync(page, readFileSync(page, 'utf8').replace(place, text));
  }
}
