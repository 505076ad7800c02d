// The record that a container leaves in its termination log: what it put in place, or why it ended. Kubernetes cuts longer ones, and
// half a record is none, so texts are shortened until it fits. Credentials never get into it.
import { writeFile } from 'node:fs/promises';
import { type LastWords, lastWords, longestLastWords } from '../../crds/wire/last-words.ts';
import type { Trouble } from './end-of-child.ts';
import type { Redactor } from './redact.ts';

interface WhereItWas {
  readonly round?: number | undefined;
  readonly index?: number | undefined;
}

export function failureWords(trouble: Trouble, where: WhereItWas): LastWords {
  const { code, reason, message, step, lastError } = trouble;
  return {
    v: 1,
    failure: {
      ...{ code, reason, message: message.slice(0, 2048) },
      ...(step === undefined ? {} : { step }),
      ...(where.round === undefined ? {} : { round: where.round }),
      ...(where.index === undefined ? {} : { index: where.index }),
      ...(lastError === undefined ? {} : { lastError: lastError.slice(-512) }),
    },
  };
}

/** The text to leave: at most `longestLastWords` bytes of JSON that `parseLastWords` reads. */
export function wordsText(words: LastWords, redact: Redactor): string {
  const whole = redact(JSON.stringify(lastWords.parse(words)));
  if (bytesOf(whole) <= longestLastWords) return whole;
  const { failure } = words;
  if (failure !== undefined) {
    const { lastError, ...rest } = failure;
    if (lastError !== undefined) return wordsText({ ...words, failure: rest }, redact);
    const half = rest.message.slice(0, Math.floor(rest.message.length / 2));
    return wordsText({ ...words, failure: { ...rest, message: half } }, redact);
  }
  // Long lists of artefacts: the first ones tell enough; the run report has all.
  const artifacts = words.published?.artifacts ?? [];
  return wordsText({ ...words, published: { artifacts: artifacts.slice(0, -1) } }, redact);
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

export async function leaveWords(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch(() => {
    // Outside of a pod there may be no such file; the exit code and the log say the same.
  });
}
