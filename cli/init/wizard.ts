// State of the wizard: the open question, the answers, the effect of a key. Pure. Answers are
// stored by value, not by index, so that a list may grow while it is shown, and going back loses
// nothing.

import type { Pressed } from '../terminal/pressed.ts';
import {
  type Found,
  type Needs,
  type Option,
  optionsOf,
  other,
  type Question,
  questions,
} from './questions.ts';

/** The questions, then the name of the file. */
export const pages = [...questions, 'file'] as const;
export type Page = (typeof pages)[number];
type Typed = 'model' | 'data' | 'file';

export interface Wizard {
  readonly page: Page;
  /** Pages that flags have answered. */
  readonly given: readonly Page[];
  /** Chosen option of a page; absent: the first. */
  readonly chosen: Readonly<Partial<Record<Page, string>>>;
  readonly typed: Readonly<Record<Typed, string>>;
  /** Keys go into the text field. */
  readonly typing: boolean;
  /** Default name of the file. */
  readonly file: string;
  /** Why the last key had no effect. */
  readonly said: string;
}

export interface Seen {
  readonly found: Found;
  readonly needs: Needs;
}

type Effect = { readonly type: 'Leave' } | { readonly type: 'Write'; readonly file: string };

interface Answered {
  readonly wizard: Wizard;
  readonly effect?: Effect;
}

/** Questions that flags have answered. */
type Given = Readonly<Partial<Record<Question, string | undefined>>>;

export function startWizard(flags: Given, file = 'job.yaml'): Wizard {
  const given = questions.filter((question) => flags[question] !== undefined);
  const chosen = given.map((page) => [page, isTyped(page) ? other : flags[page]]);
  const typed = { model: flags.model ?? '', data: flags.data ?? '', file: '' };
  const page = questions.find((question) => !given.includes(question)) ?? 'file';
  const rest = { typing: false, file, said: '' };
  return { page, given, chosen: Object.fromEntries(chosen), typed, ...rest };
}

function openPages({ given }: Wizard): readonly Page[] {
  return pages.filter((page) => !given.includes(page));
}

/** Position of the open question among those to be asked. */
export function numberOf(wizard: Wizard): { readonly number: number; readonly of: number } {
  const open = openPages(wizard);
  return { number: open.indexOf(wizard.page) + 1, of: open.length - 1 };
}

/** Whether it is answered: by a flag, or on an earlier page. */
export function isAnswered({ page, given }: Wizard, which: Page): boolean {
  return given.includes(which) || pages.indexOf(page) > pages.indexOf(which);
}

export function optionsOn(page: Page, { found, needs }: Seen, wizard: Wizard): readonly Option[] {
  if (page !== 'file') {
    const goal = page === 'goal' ? undefined : chosenOn('goal', { found, needs }, wizard)?.id;
    return optionsOf(page, found, needs, goal);
  }
  const { file } = wizard;
  const why = 'The name of a new file.';
  return [
    { id: file, label: file, why: `Writes ${file}. Changes nothing else.` },
    { id: other, label: 'another file', why },
  ];
}

export function chosenOn(page: Page, seen: Seen, wizard: Wizard): Option | undefined {
  const options = optionsOn(page, seen, wizard);
  return options.find(({ id }) => id === wizard.chosen[page]) ?? options[0];
}

/** The answer of a page: the id of an option, or the typed text. */
export function answerOn(page: Page, seen: Seen, wizard: Wizard): string {
  const id = chosenOn(page, seen, wizard)?.id ?? '';
  return id === other && isTyped(page) ? wizard.typed[page].trim() : id;
}

export function pressKey(before: Wizard, pressed: Pressed, seen: Seen): Answered {
  const wizard = { ...before, said: '' };
  const { input, key } = pressed;
  if (key === 'esc') return back(wizard);
  if (key === 'enter') return accepted(wizard, seen);
  if (key === 'up' || key === 'down') return { wizard: moved(wizard, key === 'up' ? -1 : 1, seen) };
  const { page } = wizard;
  if (isTyped(page) && chosenOn(page, seen, wizard)?.id === other) {
    return { wizard: typedInto(wizard, page, pressed) };
  }
  if (input === 'k' || input === 'j')
    return { wizard: moved(wizard, input === 'k' ? -1 : 1, seen) };
  if (input === 'q') return { wizard, effect: { type: 'Leave' } };
  return /^[1-9]$/.test(input) ? byNumber(wizard, Number(input), seen) : { wizard };
}

function isTyped(page: Page): page is Typed {
  return page === 'model' || page === 'data' || page === 'file';
}

/**
 * Leaves the text field first, then goes to the previous question, from the first one out of the
 * wizard.
 */
function back(wizard: Wizard): Answered {
  if (wizard.typing) return { wizard: { ...wizard, typing: false } };
  const open = openPages(wizard);
  const page = open[open.indexOf(wizard.page) - 1];
  if (page === undefined) return { wizard, effect: { type: 'Leave' } };
  return { wizard: { ...wizard, page } };
}

function moved(wizard: Wizard, by: number, seen: Seen): Wizard {
  const { page } = wizard;
  const options = optionsOn(page, seen, wizard);
  const at = options.findIndex(({ id }) => id === chosenOn(page, seen, wizard)?.id);
  const to = options[Math.max(0, Math.min(options.length - 1, at + by))];
  return to === undefined ? wizard : { ...choose(wizard, to.id), typing: false };
}

function choose(wizard: Wizard, id: string): Wizard {
  return { ...wizard, chosen: { ...wizard.chosen, [wizard.page]: id } };
}

/** Pasted text arrives as one input; control characters are removed from it. */
function typedInto(wizard: Wizard, page: Typed, { input, key }: Pressed): Wizard {
  const before = wizard.typed[page];
  const letters = input.replaceAll(/\p{Cc}/gu, '');
  const text = key === 'backspace' ? [...before].slice(0, -1).join('') : before + letters;
  return { ...wizard, typing: true, typed: { ...wizard.typed, [page]: text } };
}

function byNumber(wizard: Wizard, number: number, seen: Seen): Answered {
  const option = optionsOn(wizard.page, seen, wizard)[number - 1];
  if (option === undefined) return { wizard };
  const chosen = choose(wizard, option.id);
  return option.id === other ? { wizard: { ...chosen, typing: true } } : accepted(chosen, seen);
}

function accepted(wizard: Wizard, seen: Seen): Answered {
  const { page } = wizard;
  const option = chosenOn(page, seen, wizard);
  if (option?.id === other && !wizard.typing && wizard.typed[page as Typed] === '') {
    return { wizard: { ...choose(wizard, other), typing: true } };
  }
  const answer = answerOn(page, seen, wizard);
  if (option === undefined || answer === '')
    return { wizard: { ...wizard, said: 'type a source first' } };
  // Stored by id, so that a better recommendation that arrives later does not change the answer.
  const kept = page === 'file' ? wizard : choose(wizard, option.id);
  if (page === 'file') {
    return { wizard: { ...kept, typing: false }, effect: { type: 'Write', file: answer } };
  }
  const open = openPages(wizard);
  const next = open[open.indexOf(page) + 1] ?? 'file';
  return { wizard: { ...kept, page: next, typing: false } };
}
