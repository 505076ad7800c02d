// A key of the terminal as reducers take it.
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

/** Keys one by one: those that are pressed faster than they are read come as one text. */
export function pressesOf(input: string, key: Key): readonly Pressed[] {
  const letters = [...input];
  if (letters.length < 2) return [pressedOf(input, key)];
  return letters.map((letter) =>
    letter === '\r' || letter === '\n'
      ? { input: '', key: 'enter' }
      : { input: letter, key: undefined },
  );
}

/**
 * Where places are typed, a text is pasted as one; its last line end is the key that follows it.
 */
export function typedOf(input: string, key: Key): readonly Pressed[] {
  const [, text = '', end] = /^([^\r\n]+)([\r\n])$/.exec(input) ?? [];
  if (end === undefined) return [pressedOf(input, key)];
  return [
    { input: text, key: undefined },
    { input: '', key: 'enter' },
  ];
}
