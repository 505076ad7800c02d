// Where messages go: to the parent process, which shows them, and into the run's own file, from which
// they can be shown again. A parent that went away is no reason to stop.
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Telemetry, TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Clock } from '../clock.ts';

export interface Emitter extends Disposable {
  emit(message: TelemetryBody): void;
}

export interface Parent {
  readonly connected: boolean;
  send?(message: Telemetry): boolean;
}

/** Appends one line a message to `file` and passes the message to `parent`. */
export function emitter(file: string, parent: Parent, clock: Clock): Emitter {
  const descriptor = openSync(file, 'a');
  return {
    emit(body) {
      const message: Telemetry = { ...body, time: clock.now() / 1000 };
      writeSync(descriptor, `${JSON.stringify(message)}\n`);
      if (parent.connected) parent.send?.(message);
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}
