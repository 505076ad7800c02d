// One line of a screen: it never wraps, contains no control sequences, and uses only characters
// that the terminal has.
import { Text } from 'ink';
import { memo, type ReactNode } from 'react';
import { sanitize } from '../../crds/text/sanitize.ts';
import type { GlyphSet } from '../terminal/glyphs.ts';
import { type Colors, type Style, shadeOf } from '../terminal/palette.ts';

export interface Display {
  readonly columns: number;
  readonly rows: number;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  /** Seconds since 1970. */
  readonly now: number;
  /** No animated bars. */
  readonly still?: boolean;
}

interface LineProps {
  readonly display: Display;
  readonly children: string;
  readonly style?: Omit<Style, 'glyph'>;
  /** The selected row. */
  readonly inverse?: boolean;
}

/**
 * Rendered again only when its text or style changes: most lines of a frame equal those of the
 * frame before.
 */
export const Line = memo(PlainLine, isSame);

function isSame(before: LineProps, after: LineProps): boolean {
  const [one, two] = [before.style ?? {}, after.style ?? {}];
  return (
    before.children === after.children &&
    before.display.glyphs === after.display.glyphs &&
    before.display.color === after.display.color &&
    before.inverse === after.inverse &&
    one.color === two.color &&
    one.bold === two.bold &&
    one.dim === two.dim
  );
}

function PlainLine({ display, children, style = {}, inverse = false }: LineProps): ReactNode {
  const { bold = false, dim = false } = style;
  const color = shadeOf(style.color, display.color);
  return (
    <Text
      wrap="truncate-end"
      bold={bold}
      dimColor={dim}
      inverse={inverse}
      {...(color === undefined ? {} : { color })}
    >
      {display.glyphs.text(sanitize(children).replaceAll('\n', ' ')) || ' '}
    </Text>
  );
}

/** `── loss ───────────`: the title of a panel. */
export function Rule({
  display,
  title,
}: {
  readonly display: Display;
  readonly title: string;
}): ReactNode {
  const head = title === '' ? '' : `── ${title} `;
  const rest = '─'.repeat(Math.max(0, display.columns - [...head].length));
  return (
    <Line display={display} style={{ dim: true }}>
      {head + rest}
    </Line>
  );
}

/** Text at both ends of a line. */
export function ends(left: string, right: string, columns: number): string {
  const room = columns - [...right].length - 1;
  const head =
    [...left].length > room ? `${[...left].slice(0, Math.max(0, room - 1)).join('')}…` : left;
  return `${head}${' '.repeat(Math.max(1, columns - [...head].length - [...right].length))}${right}`;
}
