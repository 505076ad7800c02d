// The wizard as a value: which question is open, what was answered, what a key does. Pure. Answers
// are kept by what they are, not by their place in a list, so that a list which grows while one
// looks at it changes nothing, and going back loses nothing.

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
  /** Pages that nobody has to answer: flags did. */
  readonly given: readonly Page[];
  /** Chosen option of a page; absent: the first. */
  readonly chosen: Readonly<Partial<Record<Page, string>>>;
  readonly typed: Readonly<Record<Typed, string>>;
  /** Letters go into the place that is typed. */
  readonly typing: boolean;
  /** File that is written unless another one is typed. */
  readonly file: string;
  /** Why the last key did nothing. */
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

/** Flags have answered some questions. */
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

/** Of the question that is open, among those that are asked. */
export function numberOf(wizard: Wizard): { readonly number: number; readonly of: number } {
  const open = openPages(wizard);
  return { number: open.indexOf(wizard.page) + 1, of: open.length - 1 };
}

/** The answer is there: given by a flag, or of a question that lies behind. */
export function isAnswered({ page, given }: Wizard, which: Page): boolean {
  return given.includes(which) || pages.indexOf(page) > pages.indexOf(which);
}

export function optionsOn(page: Page, { found, needs }: Seen, wizard: Wizard): readonly Option[] {
  if (page !== 'file') return optionsOf(page, found, needs);
  const { file } = wizard;
  const why = 'The name of a file that is not there yet.';
  return [
    { id: file, label: file, why: `Writes ${file}. Nothing else is changed.` },
    { id: other, label: 'another file', why },
  ];
}

export function chosenOn(page: Page, seen: Seen, wizard: Wizard): Option | undefined {
  const options = optionsOn(page, seen, wizard);
  return options.find(({ id }) => id === wizard.chosen[page]) ?? options[0];
}

/** What a page was answered with: the id, or what was typed. */
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

/** Out of the typing first, then to the question before, from the first out of the wizard. */
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

/** Paste comes as many letters at once; what moves the cursor is no part of a place. */
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
  // Kept by its name, so that a better recommendation that comes later does not change what was
  // answered.
  const kept = page === 'file' ? wizard : choose(wizard, option.id);
  if (page === 'file') {
    return { wizard: { ...kept, typing: false }, effect: { type: 'Write', file: answer } };
  }
  const open = openPages(wizard);
  const next = open[open.indexOf(page) + 1] ?? 'file';
  return { wizard: { ...kept, page: next, typing: false } };
}
