// Colours and marks of states. The word says it, mark and colour repeat it; nothing is green, which two in a hundred people cannot tell
// from yellow. The names are those of the terminal's own sixteen colours, so that themes and light backgrounds keep working.
import { styleText } from 'node:util';
import type { Phase } from '../../crds/index.ts';

export interface Style {
  readonly glyph: string;
  readonly color?: 'yellow' | 'cyan' | 'red' | 'magenta';
  readonly bold?: boolean;
  readonly dim?: boolean;
}

const waiting: Style = { glyph: '○', dim: true };
const moving: Style = { glyph: '●', color: 'yellow' };

const styles: Readonly<Record<Phase, Style>> = {
  Pending: waiting,
  Initializing: { glyph: '◔', dim: true },
  Queued: waiting,
  Starting: { glyph: '◔', dim: true },
  Running: moving,
  Resizing: moving,
  Publishing: moving,
  Restarting: { glyph: '↻', color: 'yellow', bold: true },
  Suspending: { glyph: '‖', color: 'magenta' },
  Suspended: { glyph: '‖', color: 'magenta' },
  Succeeded: { glyph: '✓', color: 'cyan' },
  Failed: { glyph: '✗', color: 'red', bold: true },
};

export function styleOf(phase: Phase): Style {
  return styles[phase];
}

export type Paint = (text: string, style: Omit<Style, 'glyph'>) => string;

/** Escape sequences for lines that no screen draws. */
export function painter(color: boolean): Paint {
  if (!color) return (text) => text;
  return (text, { color: name, bold, dim }) => {
    const formats = [
      ...(name === undefined ? [] : [name]),
      ...(bold ? (['bold'] as const) : []),
      ...(dim ? (['dim'] as const) : []),
    ];
    return formats.length === 0 ? text : styleText(formats, text, { validateStream: false });
  };
}
