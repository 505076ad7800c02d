// The keys of a view: the few that matter as a line, all of them as help. A key that does nothing now says why.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { Line, type Look, Rule } from './line.tsx';

export interface Key {
  readonly key: string;
  readonly does: string;
  /** Why it does nothing now. */
  readonly not?: string | undefined;
}

export function KeyBar({
  look,
  keys,
}: {
  readonly look: Look;
  readonly keys: readonly Key[];
}): ReactNode {
  // How to get out is told always.
  const tail = look.columns < 60 ? 'q leave · ? keys' : 'esc back · q leave · ? keys';
  const able = keys.filter(({ not }) => not === undefined);
  const words = able.map(({ key, does }) => `${key} ${does}`);
  let text = '';
  for (const word of words) {
    const longer = text === '' ? word : `${text} · ${word}`;
    if (longer.length > look.columns - tail.length - 3) break;
    text = longer;
  }
  return (
    <Line look={look} style={{ dim: true }}>
      {text === '' ? tail : `${text} · ${tail}`}
    </Line>
  );
}

export function Help({
  look,
  keys,
  title,
}: {
  readonly look: Look;
  readonly keys: readonly Key[];
  readonly title: string;
}): ReactNode {
  return (
    <Box flexDirection="column">
      <Rule look={look} title={`keys of ${title}`} />
      {[...keys, ...everywhere].map(({ key, does, not }) => (
        <Line key={key} look={look} style={not === undefined ? {} : { dim: true }}>
          {`  ${key.padEnd(10)} ${does}${not === undefined ? '' : ` (${not})`}`}
        </Line>
      ))}
      <Line look={look}> </Line>
      <Line look={look}>any key closes this</Line>
    </Box>
  );
}

const everywhere: readonly Key[] = [
  { key: ':', does: 'type a command' },
  { key: 'esc', does: 'back' },
  { key: 'q', does: 'leave; jobs go on' },
  { key: 'ctrl-c', does: 'leave; jobs go on' },
];
