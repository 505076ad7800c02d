import test from 'ava';
import { renderToString } from 'ink';
import type { Display } from '../../../../cli/components/line.tsx';
import { draft } from '../../../../cli/init/draft.ts';
import { type Page, startWizard, type Wizard } from '../../../../cli/init/wizard.ts';
import { WizardScreen } from '../../../../cli/screens/init/screen.tsx';
import { ascii, braille } from '../../../../cli/terminal/glyphs.ts';
import { estimatorOfTests, nothingHere, whatIsFound } from '../../../builders/wizard.ts';

const found = whatIsFound();

function drawn(wizard: Wizard, columns: number, more: Partial<Display> = {}): string {
  const display = { columns, rows: 24, glyphs: braille, color: false as const, now: 0, ...more };
  const drafted = draft(wizard, found, estimatorOfTests, nothingHere);
  const cluster = 'The cluster prod was asked for its GPUs.';
  const shown = { display, wizard, found, drafted, cluster };
  const text = renderToString(<WizardScreen {...shown} />, { columns });
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const at = (page: Page, more: Partial<Wizard> = {}): Wizard => ({
  ...startWizard({}),
  page,
  ...more,
});

for (const columns of [40, 80, 120]) {
  test(`the wizard at ${columns} columns`, (t) => {
    for (const page of ['goal', 'model', 'device', 'prefer', 'file'] as const) {
      const text = drawn(at(page), columns);
      t.snapshot(text, page);
      for (const line of text.split('\n')) t.true([...line].length <= columns, line);
      t.true(text.split('\n').length <= 24);
    }
  });
}

test('what is typed is seen with its cursor, and why enter did nothing', (t) => {
  const typed = { model: 'owner/m', data: '', file: '' };
  const typing = at('model', { typed, typing: true, chosen: { model: 'other' } });
  t.regex(drawn(typing, 80), /▸ 5 another source: owner\/m▏/);
  t.regex(drawn({ ...typing, said: 'type a source first' }, 80), /\ntype a source first$/);
});

test('in plain letters nothing is lost, and a low window shows the question', (t) => {
  const text = drawn(at('prefer'), 80, { glyphs: ascii });
  t.regex(text, /^[\n\u0020-\u007e]*$/);
  t.regex(text, /> 1 speed/);
  const low = drawn(at('device'), 80, { rows: 12 });
  t.is(low.split('\n').length, 12);
  t.regex(low, /Where does it train\?/);
});

test('a model that nobody can look at leaves the file as it is, with the reason', (t) => {
  const chosen = { model: 'Qwen/Qwen2.5-7B-Instruct' };
  t.regex(drawn(at('data', { chosen }), 80), /\nmemory is unknown\n/);
});
