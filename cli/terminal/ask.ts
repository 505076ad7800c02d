// Questions on a terminal, answered with a line.
import { createInterface } from 'node:readline/promises';
import { UserError } from '../../crds/index.ts';
import type { Output } from './output.ts';

interface Lines extends Disposable {
  /** The typed line, trimmed; null when the input has ended. */
  ask(question: string): Promise<string | null>;
}

/** Ends with the signal, Ctrl-C or Ctrl-D; questions then return null. */
export function openLines(signal: AbortSignal): Lines {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  lines.on('close', () => closed.abort());
  const both = AbortSignal.any([signal, closed.signal]);
  return {
    async ask(question) {
      try {
        return (await lines.question(question, { signal: both })).trim();
      } catch (error) {
        if (both.aborted) return null;
        throw error;
      }
    },
    [Symbol.dispose]: () => lines.close(),
  };
}

/**
 * Any answer but yes means no. Without a terminal a question is an error: scripts pass the flag
 * instead.
 */
export async function asksYes(
  question: string,
  flag: string,
  { isTerminal, glyphs }: Pick<Output, 'isTerminal' | 'glyphs'>,
  signal: AbortSignal,
): Promise<boolean> {
  return /^y(es)?$/i.test(
    await answerTo(`${question} [y/N] `, flag, { isTerminal, glyphs }, signal),
  );
}

/** The typed line; empty where the input was closed. */
export async function answerTo(
  question: string,
  flag: string,
  { isTerminal, glyphs }: Pick<Output, 'isTerminal' | 'glyphs'>,
  signal: AbortSignal,
): Promise<string> {
  if (!isTerminal || process.stdin.isTTY !== true) {
    const message = `${flag} asks a question, and there is no terminal to answer it`;
    throw new UserError({
      code: 'E_USAGE',
      message,
      hint: 'use a terminal, or give the value with the flag',
    });
  }
  using lines = openLines(signal);
  return (await lines.ask(glyphs.text(question))) ?? '';
}
