// What commands know about their output: its width, colours and characters.

import type { CliConfig } from '../process/config.ts';
import type { DisplayFlags, Theme } from '../process/flags.ts';
import { type GlyphSet, glyphSet } from './glyphs.ts';
import { type Colors, type Paint, painter } from './palette.ts';

export interface Output {
  /** Standard output; each text ends with its own line end. */
  readonly write: (text: string) => void;
  /** Standard error: hints, next steps. */
  readonly talk: (text: string) => void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; undefined in a pipe. */
  readonly columns: number | undefined;
  readonly glyphs: GlyphSet;
  readonly paint: Paint;
}

interface ColorFlags {
  readonly color?: boolean | undefined;
  readonly theme?: Theme | undefined;
}

type Flags = ColorFlags & Pick<DisplayFlags, 'glyphs'>;

interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** For a screen, which is always a terminal. */
export function colorsOf({ color, theme }: CliConfig, flags: ColorFlags): Colors {
  return color && flags.color !== false && (flags.theme ?? theme);
}

/** Width where the terminal gives none. */
export const pipeWidth = 100;

export function outputOf(config: CliConfig, flags: Flags, { out, err }: Streams): Output {
  const { isTTY, columns } = process.stdout;
  const chosen = flags.glyphs ?? config.glyphs;
  const glyphs = glyphSet({ ...config, glyphs: chosen });
  const hasColors = isTTY === true || config.forceColor;
  const shown = (text: string): string => exceptColors(text, glyphs.text);
  return {
    write: (text) => out(shown(text)),
    talk: (text) => err(shown(text)),
    isTerminal: isTTY === true,
    columns: isTTY ? Math.max(20, columns ?? 80) : undefined,
    glyphs,
    paint: painter(hasColors && colorsOf(config, flags)),
  };
}

const colorSequence = new RegExp(`(${'\u001b'}\\[[\\d;]*m)`);

/** Characters are replaced between the sequences that set colours, not in them. */
function exceptColors(text: string, change: (text: string) => string): string {
  return text
    .split(colorSequence)
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join('');
}
