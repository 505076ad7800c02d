// Progress messages of fetching and tokenising: a few a second at most, and always the last one of
// a stage.

import type { Clock } from '../../crds/clock.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { FetchEvent } from '../remote/fetch-tools.ts';
import { throttle } from '../remote/throttle.ts';
import type { PrepareProgress } from './build-store.ts';

type Emit = (message: TelemetryBody) => void;

/** Adds up the bytes of all files that are fetched concurrently. */
export function fetchReporter(
  subject: string,
  emit: Emit,
  clock: Clock,
): (event: FetchEvent) => void {
  const totals = new Map<string, number>();
  const done = new Map<string, number>();
  const due = throttle(clock);
  const say = (state: 'Started' | 'Running' | 'Done'): void => {
    emit({
      ...{ type: 'stage', stage: 'Fetch', state, subject, unit: 'Bytes' },
      done: sum(done),
      total: sum(totals),
    });
  };
  return (event) => {
    switch (event.type) {
      case 'Start':
        totals.set(event.path, event.bytes);
        done.set(event.path, event.held);
        return say('Started');
      case 'Bytes':
        done.set(event.path, (done.get(event.path) ?? 0) + event.count);
        return due() ? say('Running') : undefined;
      case 'Retry':
        // The network reports every wait, including those before a file is known.
        return;
      case 'Waiting': {
        const message = `${event.path} is being fetched by another process; waiting for it`;
        return emit({ type: 'warning', reason: 'FetchWaiting', message });
      }
      case 'Verify':
        return emit({ type: 'stage', stage: 'Verify', state: 'Running', subject: event.path });
      case 'Done':
        return say('Done');
    }
  };
}

export function prepareReporter(emit: Emit, clock: Clock): (progress: PrepareProgress) => void {
  const due = throttle(clock);
  return ({ bytes, totalBytes, records, tokens }) => {
    if (!due()) return;
    emit({
      ...{ type: 'stage', stage: 'Prepare', state: 'Running', unit: 'Bytes' },
      done: Math.min(bytes, totalBytes),
      total: totalBytes,
      note: `${records} records, ${tokens} tokens`,
    });
  };
}

function sum(values: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const value of values.values()) total += value;
  return total;
}
