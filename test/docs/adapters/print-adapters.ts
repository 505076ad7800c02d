// Writes what pages repeat of the entries of adapters: the names in README.md, and the screen of
// `anneal explain adapters` in docs/methods.md: `node test/docs/adapters/print-adapters.ts`. A test
// compares the pages with it.
import { readFileSync, writeFileSync } from 'node:fs';
import { explain } from '../../../cli/commands/explain/run.ts';
import { explanationText } from '../../../cli/commands/explain/text.ts';
import { presets } from '../../../crds/methods/index.ts';

interface Part {
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
const [screen = ''] = explanationText(explain('adapters'), 80).split('\n\nAny of them');

export const parts: readonly Part[] = [
  { page: at('README.md'), place: /^\| `LoRA`, [^|]*/m, text: `| ${names.join(', ')} ` },
  {
    page: at('docs/methods.md'),
    place: /(?<=`anneal explain adapters`:\n\n```text\n)[^`]*(?=```)/,
    text: `${screen}\n`,
  },
];

if (import.meta.main) {
  for (const { page, place, text } of parts) {
    writeFileSync(page, readFileSync(page, 'utf8').replace(place, text));
  }
}
