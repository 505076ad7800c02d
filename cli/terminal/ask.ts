// Questions on a terminal that are answered with a line.
import { createInterface } from 'node:readline/promises';
import { UserError } from '../../crds/index.ts';
import type { Output } from './output.ts';

interface Lines extends Disposable {
  /** What was typed, without the spaces around it; null where nobody answers any more. */
  ask(question: string): Promise<string | null>;
}

/** Until the signal, Ctrl-C or Ctrl-D: nobody answers any more then. */
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
 * Anything but yes is no. A question with nobody to answer it is an error: scripts leave the flag
 * out.
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

/** What was typed; empty where the line was closed. */
export async function answerTo(
  question: string,
  flag: string,
  { isTerminal, glyphs }: Pick<Output, 'isTerminal' | 'glyphs'>,
  signal: AbortSignal,
): Promise<string> {
  if (!isTerminal || process.stdin.isTTY !== true) {
    const message = `${flag} asks a question, and nobody is there to answer it`;
    throw new UserError({
      code: 'E_USAGE',
      message,
      hint: 'use a terminal, or the flag that answers it',
    });
  }
  using lines = openLines(signal);
  return (await lines.ask(glyphs.text(question))) ?? '';
}
