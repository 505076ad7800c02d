// What commands know of the place where they print: its width, whether it shows colours, which
// characters.

import type { CliConfig } from '../process/config.ts';
import type { DisplayFlags, Theme } from '../process/flags.ts';
import { type GlyphSet, glyphSet } from './glyphs.ts';
import { type Colors, type Paint, painter } from './palette.ts';

export interface Output {
  /** Answers; each text ends with its own line end. */
  readonly write: (text: string) => void;
  /** Talk: hints, what comes next. */
  readonly talk: (text: string) => void;
  readonly isTerminal: boolean;
  /** Columns of a terminal; undefined in a pipe. */
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

/** Of a screen, which is always a terminal. */
export function colorsOf({ color, theme }: CliConfig, flags: ColorFlags): Colors {
  return color && flags.color !== false && (flags.theme ?? theme);
}

/** Width where nobody says how wide a line may be. */
export const pipeWidth = 100;

export function outputOf(config: CliConfig, flags: Flags, { out, err }: Streams): Output {
  const { isTTY, columns } = process.stdout;
  const chosen = flags.glyphs ?? config.glyphs;
  const glyphs = glyphSet({ ...config, glyphs: chosen });
  const hasColors = isTTY === true || config.forceColor;
  return {
    write: (text) => out(glyphs.text(text)),
    talk: (text) => err(glyphs.text(text)),
    isTerminal: isTTY === true,
    columns: isTTY ? Math.max(20, columns ?? 80) : undefined,
    glyphs,
    paint: painter(hasColors && colorsOf(config, flags)),
  };
}
