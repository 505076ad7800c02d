// What a terminal shows as a picture: escape sequences go through the emulator, its cells become an
// SVG of letters in a grid. Colours are the sixteen of the palette; letters stay letters, so a
// picture can be searched and compared as text.
import xterm from '@xterm/headless';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

const cell = { width: 8.4, height: 18 } as const;
const margin = 12;
const background = '#1e1e1e';
const foreground = '#d4d4d4';
/** Of the terminal's colours those that screens use; nothing is green. */
const palette: Readonly<Record<number, string>> = {
  1: '#FF6E40',
  3: '#F0E442',
  5: '#CC79A7',
  6: '#56B4E9',
};

interface Style {
  readonly fill: string;
  readonly bold: boolean;
  readonly dim: boolean;
}

interface Run extends Style {
  readonly column: number;
  text: string;
}

export async function svgOfText(text: string, title: string, size: Size): Promise<string> {
  const { columns: cols, rows } = size;
  const terminal = new xterm.Terminal({ cols, rows, scrollback: 0, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(text.replaceAll('\n', '\r\n'), resolve));
  const lines = Array.from({ length: rows }, (_, row) => runsOf(terminal, row, cols));
  terminal.dispose();
  const width = cols * cell.width + 2 * margin;
  const height = rows * cell.height + 2 * margin;
  return [
    '<!-- Printed by `node test/docs/pictures/print-pictures.ts`. Do not edit. -->',
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${number(width)} ${number(height)}" width="${number(width)}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="6" fill="${background}"/>`,
    '<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14" xml:space="preserve">',
    ...lines.flatMap((runs, row) => runs.map((run) => svgOfRun(run, row))),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Neighbours that look the same, without the blanks at the end. */
function runsOf(
  terminal: InstanceType<typeof xterm.Terminal>,
  row: number,
  columns: number,
): readonly Run[] {
  const line = terminal.buffer.active.getLine(row);
  const runs: Run[] = [];
  for (let column = 0; column < columns; column++) {
    const found = line?.getCell(column);
    const text = found?.getChars() || ' ';
    const color = found?.isFgPalette() ? palette[found.getFgColor()] : undefined;
    const fill = color ?? foreground;
    const [bold, dim] = [(found?.isBold() ?? 0) > 0, (found?.isDim() ?? 0) > 0];
    const last = runs.at(-1);
    const isSame =
      last !== undefined && last.fill === fill && last.bold === bold && last.dim === dim;
    if (isSame) last.text += text;
    else runs.push({ column, text, fill, bold, dim });
  }
  return runs.flatMap(words);
}

/**
 * Dots of a plot alone, words that one blank parts together: each begins at its own column,
 * whatever font draws it.
 */
function words(run: Run): readonly Run[] {
  const parts = run.text.matchAll(/[\u2800-\u28ff]+|[^ \u2800-\u28ff]+(?: [^ \u2800-\u28ff]+)*/gu);
  return [...parts].map((part) => ({ ...run, column: run.column + part.index, text: part[0] }));
}

function svgOfRun({ column, text, fill, bold, dim }: Run, row: number): string {
  const x = margin + column * cell.width;
  const y = margin + row * cell.height + 13;
  const display = [
    `fill="${fill}"`,
    ...(bold ? ['font-weight="bold"'] : []),
    ...(dim ? ['opacity="0.65"'] : []),
  ].join(' ');
  const length = number([...text].length * cell.width);
  return `<text x="${number(x)}" y="${number(y)}" textLength="${length}" lengthAdjust="spacingAndGlyphs" ${display}>${escaped(text)}</text>`;
}

function number(value: number): string {
  return String(Math.round(10 * value) / 10);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
