// The keys of a view: the important ones in one line, all of them as help. A disabled key shows its
// reason.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, Line, Rule } from './line.tsx';

export interface Key {
  readonly key: string;
  readonly does: string;
  /** Why the key is disabled now. */
  readonly not?: string | undefined;
}

export function KeyBar({
  display,
  keys,
}: {
  readonly display: Display;
  readonly keys: readonly Key[];
}): ReactNode {
  // The keys that leave the view are always shown.
  const tail = display.columns < 60 ? 'q leave · ? keys' : 'esc back · q leave · ? keys';
  const able = keys.filter(({ not }) => not === undefined);
  const words = able.map(({ key, does }) => `${key} ${does}`);
  let text = '';
  for (const word of words) {
    const longer = text === '' ? word : `${text} · ${word}`;
    if (longer.length > display.columns - tail.length - 3) break;
    text = longer;
  }
  return (
    <Line display={display} style={{ dim: true }}>
      {text === '' ? tail : `${text} · ${tail}`}
    </Line>
  );
}

export function Help({
  display,
  keys,
  title,
}: {
  readonly display: Display;
  readonly keys: readonly Key[];
  readonly title: string;
}): ReactNode {
  return (
    <Box flexDirection="column">
      <Rule display={display} title={`keys of ${title}`} />
      {[...keys, ...everywhere].map(({ key, does, not }) => (
        <Line key={key} display={display} style={not === undefined ? {} : { dim: true }}>
          {`  ${key.padEnd(10)} ${does}${not === undefined ? '' : ` (${not})`}`}
        </Line>
      ))}
      <Line display={display}> </Line>
      <Line display={display}>any key closes this</Line>
    </Box>
  );
}

const everywhere: readonly Key[] = [
  { key: ':', does: 'type a command' },
  { key: 'esc', does: 'back' },
  { key: 'q', does: 'leave; jobs continue' },
  { key: 'ctrl-c', does: 'leave; jobs continue' },
];
