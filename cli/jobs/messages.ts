import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { Job } from './job.ts';
import type { JobSource } from './source.ts';

/**
 * All retained messages of a job's workers. Where the source does not answer, a note says so and
 * the list is empty.
 */
export async function messagesOf(
  source: JobSource,
  job: Job,
  talk: (text: string) => void,
  signal: AbortSignal,
): Promise<readonly Telemetry[]> {
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  const messages: Telemetry[] = [];
  for await (const heard of source.telemetry(job, { follow: false }, both)) {
    if (heard.type === 'Message') messages.push(heard.message);
    else if (heard.type === 'Away') {
      talk(`${heard.why}; what the workers said is not shown\n`);
      done.abort();
    }
  }
  signal.throwIfAborted();
  return messages;
}
