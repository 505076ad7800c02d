// The wizard without redrawing: each question once, its options as a numbered list, answered with a
// number or a source.

import { draft } from '../../init/draft.ts';
import { manifestText } from '../../init/manifest-text.ts';
import { placesHere } from '../../init/places-here.ts';
import { asked, other } from '../../init/questions.ts';
import {
  answerOn,
  chosenOn,
  numberOf,
  optionsOn,
  type Page,
  pressKey,
  type Wizard,
} from '../../init/wizard.ts';
import { openLines } from '../../terminal/ask.ts';
import type { Ended, WizardFacts } from './show.tsx';

type Facts = Pick<WizardFacts, 'start' | 'estimator' | 'cluster' | 'write' | 'glyphs'>;

export async function askInLines(
  { start, estimator, cluster, write, glyphs }: Facts,
  out: (text: string) => void,
  signal: AbortSignal,
): Promise<Ended> {
  const { found, words } = await cluster;
  using lines = openLines(signal);
  let wizard = start;
  for (;;) {
    const { page } = wizard;
    const drafted = draft(wizard, found, estimator, placesHere);
    if (drafted.source !== undefined) estimator.ask(drafted.source, drafted.answers);
    const seen = { found, needs: drafted.needs };
    out(`${questionText(page, wizard, seen, page === 'device' ? words : '')}\n`);
    const said = await lines.ask(glyphs.text(promptOf(page)));
    if (said === null) return { type: 'Left' };
    const answer = answered(wizard, said, seen);
    wizard = answer.wizard;
    if (wizard.said !== '') out(`${wizard.said}\n`);
    if (answer.effect?.type !== 'Write') continue;
    const { file } = answer.effect;
    try {
      await write(file, manifestText(drafted.answers));
      return { type: 'Written', file };
    } catch (error) {
      out(`${(error as Error).message}\n`);
    }
  }
}

type Seen = Parameters<typeof optionsOn>[1];

function questionText(page: Page, wizard: Wizard, seen: Seen, words: string): string {
  const title = page === 'file' ? 'Which file is it written to?' : asked[page];
  const rows = optionsOn(page, seen, wizard).map(
    ({ label, why }, index) => `  ${index + 1} ${label}. ${why}`,
  );
  const { number, of } = numberOf(wizard);
  const count = page === 'file' ? '' : `Question ${number} of ${of}. `;
  return [`${count}${title}`, ...(words === '' ? [] : [words]), ...rows].join('\n');
}

function promptOf(page: Page): string {
  const typed = { model: ' or a source', data: ' or a source', file: ' or a name' } as const;
  return `number${page in typed ? typed[page as keyof typeof typed] : ''} [1]: `;
}

/** A number selects an option; other text is the answer where one can be typed. */
function answered(wizard: Wizard, text: string, seen: Seen): ReturnType<typeof pressKey> {
  const { page } = wizard;
  if (text === '' || /^[1-9]$/.test(text)) {
    const option = optionsOn(page, seen, wizard)[Number(text || 1) - 1];
    if (option !== undefined && option.id !== other) return taken(wizard, option.id, seen);
    const known = answerOn(page, seen, { ...wizard, chosen: { ...wizard.chosen, [page]: other } });
    if (option !== undefined && known !== '') return taken(wizard, other, seen);
    return { wizard: { ...wizard, said: 'type a source, or the number of an option' } };
  }
  if (page !== 'model' && page !== 'data' && page !== 'file') {
    return { wizard: { ...wizard, said: 'type the number of an option' } };
  }
  const typed = { ...wizard, typed: { ...wizard.typed, [page]: text } };
  return taken(typed, other, seen);
}

function taken(wizard: Wizard, id: string, seen: Seen): ReturnType<typeof pressKey> {
  const chosen = { ...wizard, said: '', chosen: { ...wizard.chosen, [wizard.page]: id } };
  return chosenOn(wizard.page, seen, chosen) === undefined
    ? { wizard: chosen }
    : pressKey(chosen, { input: '', key: 'enter' }, seen);
}
