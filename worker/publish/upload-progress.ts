// What an upload reports: bytes that left this machine, over all files of one place. Something that
// is sent again counts once.
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Clock } from '../clock.ts';
import { throttle } from '../remote/progress.ts';

/** `sent` bytes of what has that key so far: a file, a part of one. */
export type UploadProgress = (key: string, sent: number) => void;

interface Reported {
  /** The place: a bucket's address, a repository. */
  readonly subject: string;
  readonly total: number;
}

/** Says that the upload began and ended, and how far it is in between. */
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
