// Progress of an upload: bytes sent, over all files of one destination. Bytes that are sent again
// count once.

import type { Clock } from '../../crds/clock.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { throttle } from '../remote/throttle.ts';

/** `sent` is the total so far for `key`: a file, or a part of one. */
export type UploadProgress = (key: string, sent: number) => void;

interface Reported {
  /** The destination: a bucket's address, a repository. */
  readonly subject: string;
  readonly total: number;
}

/** Reports the start, progress and end of an upload. */
export async function reportUpload<T>(
  { subject, total }: Reported,
  { emit, clock }: { readonly emit: (message: TelemetryBody) => void; readonly clock: Clock },
  upload: (progress: UploadProgress) => Promise<T>,
): Promise<T> {
  const sent = new Map<string, number>();
  const due = throttle(clock);
  const say = (state: 'Started' | 'Running' | 'Done', done: number): void =>
    emit({ type: 'stage', stage: 'Upload', state, subject, unit: 'Bytes', done, total });
  say('Started', 0);
  const result = await upload((key, bytes) => {
    sent.set(key, bytes);
    if (!due()) return;
    let sum = 0;
    for (const each of sent.values()) sum += each;
    say('Running', Math.min(sum, total));
  });
  say('Done', total);
  return result;
}
