// One question on a terminal whose answer is yes or no; anything but yes is no.
import { createInterface } from 'node:readline/promises';
import { UserError } from '../crds/index.ts';
import type { Output } from './output.ts';

/** A question with nobody to answer it is an error: scripts leave the flag out. */
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
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  // Ctrl-C and ctrl-d: nobody answers any more.
  lines.on('close', () => closed.abort());
  try {
    const both = AbortSignal.any([signal, closed.signal]);
    return (await lines.question(glyphs.text(question), { signal: both })).trim();
  } catch (error) {
    if (signal.aborted || closed.signal.aborted) return '';
    throw error;
  } finally {
    lines.close();
  }
}
