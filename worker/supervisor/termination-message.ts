// The record that a container leaves in its termination log: what it put in place, or why it ended.
// Kubernetes cuts longer ones, and half a record is none, so texts are shortened until it fits.
// Credentials never get into it.
import { writeFile } from 'node:fs/promises';
import {
  longestTerminationMessage,
  type TerminationMessage,
  terminationMessage,
} from '../../crds/wire/termination-message.ts';
import type { Failure } from './end-of-child.ts';
import type { Redactor } from './redact.ts';

interface WhereItWas {
  readonly round?: number | undefined;
  readonly index?: number | undefined;
}

export function failureMessage(failure: Failure, where: WhereItWas): TerminationMessage {
  const { code, reason, message, step, rank, device, lastError } = failure;
  return {
    v: 1,
    failure: {
      ...{ code, reason, message: message.slice(0, 2048) },
      ...(step === undefined ? {} : { step }),
      ...(where.round === undefined ? {} : { round: where.round }),
      ...(where.index === undefined ? {} : { index: where.index }),
      ...(rank === undefined ? {} : { rank }),
      ...(device === undefined ? {} : { device }),
      ...(lastError === undefined ? {} : { lastError: lastError.slice(-512) }),
    },
  };
}

/**
 * The text to leave: at most `longestTerminationMessage` bytes of JSON that
 * `parseTerminationMessage` reads.
 */
export function terminationMessageText(message: TerminationMessage, redact: Redactor): string {
  const whole = redact(JSON.stringify(terminationMessage.parse(message)));
  if (bytesOf(whole) <= longestTerminationMessage) return whole;
  const { failure } = message;
  if (failure !== undefined) {
    const { lastError, ...rest } = failure;
    if (lastError !== undefined)
      return terminationMessageText({ ...message, failure: rest }, redact);
    const half = rest.message.slice(0, Math.floor(rest.message.length / 2));
    return terminationMessageText({ ...message, failure: { ...rest, message: half } }, redact);
  }
  // Long lists of artefacts: the first ones tell enough; the run report has all.
  const artifacts = message.published?.artifacts ?? [];
  return terminationMessageText(
    { ...message, published: { artifacts: artifacts.slice(0, -1) } },
    redact,
  );
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}

export async function writeTerminationMessage(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch(() => {
    // Outside of a pod there may be no such file; the exit code and the log say the same.
  });
}
