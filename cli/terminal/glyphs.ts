// Which characters a terminal can show. A word always carries the meaning; glyphs repeat it, so
// they can be replaced.
import type { CliConfig } from '../process/config.ts';

export interface GlyphSet {
  readonly plot: 'braille' | 'block' | 'ascii';
  readonly full: string;
  readonly empty: string;
  /** Replaces characters that the terminal cannot show. */
  readonly text: (text: string) => string;
}

const same = (text: string): string => text;

export const braille: GlyphSet = { plot: 'braille', full: '█', empty: '░', text: same };
export const block: GlyphSet = { plot: 'block', full: '█', empty: '░', text: same };
export const ascii: GlyphSet = { plot: 'ascii', full: '#', empty: '.', text: asAscii };

export function glyphSet({ glyphs, unicode }: Pick<CliConfig, 'glyphs' | 'unicode'>): GlyphSet {
  if (glyphs === 'auto') return unicode ? braille : ascii;
  return { braille, block, ascii }[glyphs];
}

const replacements: Readonly<Record<string, string>> = {
  '✓': '+',
  '✗': 'x',
  '●': '*',
  '○': '.',
  '‖': '=',
  '·': '-',
  '−': '-',
  '±': '+-',
  '◔': ':',
  '↻': '!',
  '▲': '^',
  '▸': '>',
  '│': '|',
  '├': '+',
  '┌': '+',
  '┐': '+',
  '┘': '+',
  '–': '-',
  '—': '-',
  '→': '->',
  '…': '...',
  '×': 'x',
  '┤': '|',
  '└': '+',
  '─': '-',
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
};

/**
 * Non-ASCII letters in a model's output become question marks, so that they do not break the line.
 */
function asAscii(text: string): string {
  return text.replaceAll(/[^\n\u0020-\u007e]/gu, (char) => replacements[char] ?? '?');
}
