// Lines of several workers as one log: by time, with a short mark of the worker; a line that
// several workers wrote appears once.

import { sanitize } from '../../crds/text/sanitize.ts';
import type { LogLine } from '../jobs/source.ts';
import { clockText } from '../terminal/age.ts';
import type { Paint, Style } from '../terminal/palette.ts';

export interface LogFilter {
  readonly ranks: ReadonlySet<number> | undefined;
  /** Seconds since 1970. */
  readonly since: number | undefined;
  readonly grep: RegExp | undefined;
  /** Lowest level to show. */
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
  /** Workers that wrote it, ascending. */
  readonly indexes: readonly number[];
  /** Number of repetitions, where greater than the number of workers. */
  readonly times: number;
}

/** Lines of two workers with the same text are merged if at most this far apart. */
const togetherSeconds = 2;

/** Sorts by time; successive lines with the same text become one. */
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
  /** Marks of workers; omitted with one worker. */
  readonly marks: boolean;
}

export function logLineText(line: FoldedLine, { paint, time, marks }: LogStyle): string {
  const [first = 0] = line.indexes;
  const color = rankColors[first % rankColors.length] ?? 'cyan';
  const mark = marks ? `${paint(ranksText(line.indexes), { color })}│ ` : '';
  const when = time ? `${paint(clockText(line.time), { dim: true })} ` : '';
  const level = line.level === 'error' || line.level === 'warn' ? `${line.level}: ` : '';
  const times = line.times > line.indexes.length ? ` (×${line.times})` : '';
  const words = sanitize(line.text).replaceAll('\n', ' ');
  return `${when}${mark}${paint(`${level}${words}${times}`, levelStyles[line.level])}`;
}
