// What the bus stores things in, and how much of it: buckets and streams, made where they are not
// there.
import type { Bus } from '../../crds/wire/bus.ts';
import {
  bucket,
  republished,
  type StreamName,
  stateHistory,
  stream,
  streamSubjects,
} from '../../crds/wire/subjects.ts';

/**
 * Room for records of some thousand jobs; a job is limited so that some hundred would have to
 * conspire to fill it.
 */
const recordBytes = 2 ** 30;
const largestRecord = 1_000_000;
/** The oldest messages go first. */
const messageBytes = 2 ** 30;
const largestMessage = 128 * 1024;
const weekSeconds = 604_800;

export async function arrange(bus: Bus, replicas: number): Promise<void> {
  await bus.ensureBucket({
    ...{ name: bucket.state, history: stateHistory, replicas },
    ...{ maxBytes: recordBytes, maxValueBytes: largestRecord, republish: republished.records },
  });
  for (const [name, full] of Object.entries(stream)) {
    await bus.ensureStream({
      ...{ name: full, subjects: [streamSubjects[name as StreamName]], replicas },
      ...{ maxAgeSeconds: weekSeconds, maxBytes: messageBytes, maxMessageBytes: largestMessage },
      republish: republished.messages,
    });
  }
}
