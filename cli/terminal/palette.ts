// Colours and marks of states. The word carries the meaning; mark and colour repeat it. Nothing is
// green, which two in a hundred people cannot tell from yellow. Colours are the terminal's own
// sixteen, so that themes and light backgrounds work; the themes dark and light use true colours
// that were measured for three kinds of colour blindness.
import { styleText } from 'node:util';
import type { Phase } from '../../crds/index.ts';
import type { Theme } from '../process/flags.ts';

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

type Name = NonNullable<Style['color']>;

/** The theme, or false without colours. */
export type Colors = false | Theme;

/** On white only two are dark enough to be read; words, marks and bold text carry the rest. */
const trueColors: Readonly<Record<'dark' | 'light', Readonly<Record<Name, string>>>> = {
  dark: { yellow: '#f0e442', cyan: '#56b4e9', red: '#ff6e40', magenta: '#cc79a7' },
  light: { yellow: '#b83a00', cyan: '#0072b2', red: '#b83a00', magenta: '#0072b2' },
};

/** A name that the terminal knows, or `#rrggbb`; undefined without colours. */
export function shadeOf(name: Name | undefined, colors: Colors): string | undefined {
  if (name === undefined || colors === false) return undefined;
  return colors === 'terminal' ? name : trueColors[colors][name];
}

export type Paint = (text: string, style: Omit<Style, 'glyph'>) => string;

/** Escape sequences for lines outside of a screen. */
export function painter(colors: Colors): Paint {
  if (colors === false) return (text) => text;
  return (text, { color: name, bold, dim }) => {
    const isOwn = colors === 'terminal';
    const formats = [
      ...(name === undefined || !isOwn ? [] : [name]),
      ...(bold ? (['bold'] as const) : []),
      ...(dim ? (['dim'] as const) : []),
    ];
    const styled =
      formats.length === 0 ? text : styleText(formats, text, { validateStream: false });
    return name === undefined || isOwn ? styled : inTrueColor(styled, trueColors[colors][name]);
  };
}

function inTrueColor(text: string, hex: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return `\u001b[38;2;${red};${green};${blue}m${text}\u001b[39m`;
}
