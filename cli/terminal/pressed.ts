// A key of the terminal in the form that reducers take.
import type { Key } from 'ink';

export interface Pressed {
  readonly input: string;
  readonly key: 'up' | 'down' | 'pageUp' | 'pageDown' | 'enter' | 'esc' | 'backspace' | undefined;
}

function pressedOf(input: string, key: Key): Pressed {
  const names = [
    ['up', key.upArrow],
    ['down', key.downArrow],
    ['pageUp', key.pageUp],
    ['pageDown', key.pageDown],
    ['enter', key.return],
    ['esc', key.escape],
    ['backspace', key.backspace || key.delete],
  ] as const;
  return { input, key: names.find(([, is]) => is)?.[0] };
}

/** Splits input into keys: fast typing arrives as one text. */
export function pressesOf(input: string, key: Key): readonly Pressed[] {
  const letters = [...input];
  if (letters.length < 2) return [pressedOf(input, key)];
  return letters.map((letter) =>
    letter === '\r' || letter === '\n'
      ? { input: '', key: 'enter' }
      : { input: letter, key: undefined },
  );
}

/** Text fields take pasted text as a whole; a line end at its end is a key of its own. */
export function typedOf(input: string, key: Key): readonly Pressed[] {
  const [, text = '', end] = /^([^\r\n]+)([\r\n])$/.exec(input) ?? [];
  if (end === undefined) return [pressedOf(input, key)];
  return [
    { input: text, key: undefined },
    { input: '', key: 'enter' },
  ];
}
