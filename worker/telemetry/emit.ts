// Sends messages to the parent process, which shows them, and to the run's own file, from which
// they can be shown again. Neither a lost parent nor a full disk stops the run.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Clock } from '../../crds/clock.ts';
import type { Telemetry, TelemetryBody } from '../../crds/wire/telemetry.ts';
import { isErrno } from '../files/errno.ts';

const newline = 0x0a;

/**
 * The first so many bytes of a file get every step, the next so many every second step, the next
 * every fourth: a run of a million steps leaves 50 MB, not 400. The step before any other message
 * is always written, so that a checkpoint, an evaluation and the end follow the step they belong
 * to.
 */
export const bytesPerStride = 8 * 2 ** 20;

/** Whether a step is written to a file of this size. */
export function isKept(step: number, size: number, stride: number): boolean {
  return step % 2 ** Math.floor(size / stride) === 0;
}

interface Emitter extends Disposable {
  emit(message: TelemetryBody): void;
}

export interface Parent {
  readonly connected: boolean;
  send?(
    message: Telemetry,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ): boolean;
}

/** Sends messages to `parent` only: for ranks other than 0, which send the same messages. */
export function emitterTo(parent: Parent, clock: Clock): Emitter {
  return {
    emit: (body) => tell(parent, { ...body, time: clock.now() / 1000 }),
    [Symbol.dispose]() {},
  };
}

/**
 * Appends each message to `file` as one line, thinning the steps of long runs, and sends it to
 * `parent`.
 */
export function emitter(
  file: string,
  parent: Parent,
  clock: Clock,
  stride = bytesPerStride,
): Emitter {
  const descriptor = openSync(file, 'a+');
  let torn = endsWithinLine(descriptor);
  let { size } = fstatSync(descriptor);
  let leftOut: string | undefined;
  const append = (line: string): void => {
    torn = !appendLine(descriptor, line, torn);
    size += line.length + 1;
  };
  const keep = (message: Telemetry): void => {
    const line = JSON.stringify(message);
    const isStep = message.type === 'step';
    if (isStep && !isKept(message.step, size, stride)) {
      leftOut = line;
      return;
    }
    if (leftOut !== undefined && !isStep) append(leftOut);
    leftOut = undefined;
    append(line);
  };
  return {
    emit(body) {
      const message: Telemetry = { ...body, time: clock.now() / 1000 };
      keep(message);
      tell(parent, message);
    },
    [Symbol.dispose]() {
      if (leftOut !== undefined) append(leftOut);
      closeSync(descriptor);
    },
  };
}

function tell(parent: Parent, message: Telemetry): void {
  // Without a callback, a parent that was just killed would end this process too.
  if (parent.connected) parent.send?.(message, undefined, undefined, () => {});
}

/** True where an earlier process was killed while writing a line. */
function endsWithinLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== newline;
}

/** Whether the complete line was written; terminates an unfinished line before it. */
function appendLine(descriptor: number, line: string, torn: boolean): boolean {
  const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
  try {
    return writeSync(descriptor, bytes) === bytes.length;
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    return false;
  }
}
