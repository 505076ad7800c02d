// Where messages go: to the parent process, which shows them, and into the run's own file, from which
// they can be shown again. Neither a parent that went away nor a full disk is a reason to stop.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Telemetry, TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Clock } from '../clock.ts';
import { isErrno } from '../prepare/errno.ts';

const newline = 0x0a;

export interface Emitter extends Disposable {
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

/** Passes messages to `parent`, and to no file: the other ranks of a run, whose words are rank 0's too. */
export function emitterTo(parent: Parent, clock: Clock): Emitter {
  return {
    emit: (body) => tell(parent, { ...body, time: clock.now() / 1000 }),
    [Symbol.dispose]() {},
  };
}

/** Appends one line a message to `file` and passes the message to `parent`. */
export function emitter(file: string, parent: Parent, clock: Clock): Emitter {
  const descriptor = openSync(file, 'a+');
  let torn = endsWithinLine(descriptor);
  return {
    emit(body) {
      const message: Telemetry = { ...body, time: clock.now() / 1000 };
      torn = !appendLine(descriptor, JSON.stringify(message), torn);
      tell(parent, message);
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

function tell(parent: Parent, message: Telemetry): void {
  // Without a callback, a parent that was killed a moment ago would end this process too.
  if (parent.connected) parent.send?.(message, undefined, undefined, () => {});
}

/** True where the process before this one was killed while it wrote. */
function endsWithinLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== newline;
}

/** Whether the whole line is in the file afterwards; a torn one before it is ended first. */
function appendLine(descriptor: number, line: string, torn: boolean): boolean {
  const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
  try {
    return writeSync(descriptor, bytes) === bytes.length;
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    return false;
  }
}
