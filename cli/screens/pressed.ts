// A key of the terminal as reducers take it.
import type { Key } from 'ink';

export interface Pressed {
  readonly input: string;
  readonly key: 'up' | 'down' | 'pageUp' | 'pageDown' | 'enter' | 'esc' | 'backspace' | undefined;
}

export function pressedOf(input: string, key: Key): Pressed {
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
