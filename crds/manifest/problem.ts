// A problem of a job file, and the text of a list of them.
import type { FailureCode } from '../failures/table.ts';
import { quoted } from '../text/sanitize.ts';

export interface Problem {
  readonly code: FailureCode;
  readonly file: string;
  /** Both count from 1; absent for the whole file. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** `spec.training.epochs`; empty for a whole document. */
  readonly path: string;
  /** Thing, value, rule: a sentence without a full stop. */
  readonly message: string;
  readonly hint?: string | undefined;
}

/**
 * `first.yaml:14:13 spec.method.adapter.lora.rank is 0; it must be 1 to 1024`, one per line, hints
 * below.
 */
export function formatProblems(problems: readonly Problem[], most = 20): string {
  const lines = problems.slice(0, most).flatMap((problem) => {
    const { file, message } = problem;
    // The position already names the file.
    const told = message.startsWith(`${file} `) ? message.slice(file.length + 1) : message;
    const line = `${positionText(problem)}  ${told}`;
    return problem.hint === undefined ? [line] : [line, `  hint: ${problem.hint}`];
  });
  const more = problems.length - most;
  return [...lines, ...(more > 0 ? [`and ${more} more problems`] : [])].join('\n');
}

function positionText({ file, line, column }: Problem): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

export function byPosition(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * `spec.worker.env[2].name`; keys that are not plain words are quoted, so that they cannot affect
 * the terminal.
 */
export function pathInWords(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      const word = String(key);
      if (!plainKey.test(word)) return `[${quoted(word.slice(0, 60))}]`;
      return index === 0 ? word : `.${word}`;
    })
    .join('');
}

/** A value within a sentence: short, in one line, sanitized for the terminal. */
export function valueInWords(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return String(value);
  if (value === '') return 'an empty string';
  const short = value.length > 60 ? `${value.slice(0, 57)}...` : value;
  return /^[\w.:/@+-]+$/.test(short) ? short : quoted(short);
}
