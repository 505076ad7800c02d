// Lines of several workers as one log: in the order of time, with a short mark of the worker, and a
// line that several of them said is said once.
import type { LogLine } from '../jobs/source.ts';
import { clockText } from '../terminal/age.ts';
import { harmless } from '../terminal/harmless.ts';
import type { Paint, Style } from '../terminal/palette.ts';

export interface LogFilter {
  readonly ranks: ReadonlySet<number> | undefined;
  /** Seconds since 1970. */
  readonly since: number | undefined;
  readonly grep: RegExp | undefined;
  /** Of these levels and above. */
  readonly least: LogLine['level'];
}

const levels = ['debug', 'info', 'warn', 'error'] as const;

export function isWanted(line: LogLine, { ranks, since, grep, least }: LogFilter): boolean {
  return (
    (ranks === undefined || ranks.has(line.index)) &&
    (since === undefined || line.time >= since) &&
    levels.indexOf(line.level) >= levels.indexOf(least) &&
    (grep === undefined || grep.test(line.text))
  );
}

export interface FoldedLine extends Omit<LogLine, 'index'> {
  /** Workers that said it, rising. */
  readonly indexes: readonly number[];
  /** How often, where more often than there are workers. */
  readonly times: number;
}

/** How far apart the same words of two workers may be to be one line. */
const togetherSeconds = 2;

/** Sorts by time; a run of lines with the same words becomes one line. */
export function foldLines(lines: readonly LogLine[]): readonly FoldedLine[] {
  const folded: FoldedLine[] = [];
  for (const { index, ...line } of lines.toSorted((a, b) => a.time - b.time)) {
    const last = folded.at(-1);
    if (
      last !== undefined &&
      last.text === line.text &&
      last.level === line.level &&
      line.time - last.time <= togetherSeconds
    ) {
      const indexes = [...new Set([...last.indexes, index])].sort((a, b) => a - b);
      folded[folded.length - 1] = { ...last, indexes, times: last.times + 1 };
    } else folded.push({ ...line, indexes: [index], times: 1 });
  }
  return folded;
}

/** `w0`, `w0–w7`, `w0,w2`. */
export function ranksText(indexes: readonly number[]): string {
  const [first = 0] = indexes;
  const last = indexes.at(-1) ?? first;
  if (indexes.length === 1) return `w${first}`;
  const whole = last - first + 1 === indexes.length;
  return whole ? `w${first}–w${last}` : indexes.map((index) => `w${index}`).join(',');
}

const rankColors: readonly NonNullable<Style['color']>[] = ['cyan', 'yellow', 'magenta'];
const levelStyles: Readonly<Record<LogLine['level'], Omit<Style, 'glyph'>>> = {
  error: { color: 'red', bold: true },
  warn: { color: 'yellow' },
  info: {},
  debug: { dim: true },
};

interface LogStyle {
  readonly paint: Paint;
  readonly time: boolean;
  /** Marks of workers; left out where there is one. */
  readonly marks: boolean;
}

export function logLineText(line: FoldedLine, { paint, time, marks }: LogStyle): string {
  const [first = 0] = line.indexes;
  const color = rankColors[first % rankColors.length] ?? 'cyan';
  const mark = marks ? `${paint(ranksText(line.indexes), { color })}│ ` : '';
  const when = time ? `${paint(clockText(line.time), { dim: true })} ` : '';
  const level = line.level === 'error' || line.level === 'warn' ? `${line.level}: ` : '';
  const times = line.times > line.indexes.length ? ` (×${line.times})` : '';
  const words = harmless(line.text).replaceAll('\n', ' ');
  return `${when}${mark}${paint(`${level}${words}${times}`, levelStyles[line.level])}`;
}
