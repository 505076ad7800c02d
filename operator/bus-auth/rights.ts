// What a connection may publish and subscribe to. A pod of a job: the keys and subjects of that job, by the JetStream calls that name
// them; what the operator wants of it ('desired') it may read and not write. A call that could read another job's keys is not in the list.
import { bucket, type JobOnBus, keys, subjects } from '../../crds/wire/subjects.ts';

export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export const operatorRights: Rights = { publish: ['>'], subscribe: ['>'] };

export function jobRights(job: JobOnBus): Rights {
  const place = keys.all(job).slice(0, -2);
  const inState = (pattern: string) => `$KV.${bucket.state}.${pattern}`;
  const ofJob = Object.values(bucket).map((name) => ({
    stream: `KV_${name}`,
    keys: `$KV.${name}.${keys.all(job)}`,
  }));
  return {
    publish: [
      ...[keys.state(job), `${place}.world.>`, `${place}.member.>`, `${place}.ack.>`].map(inState),
      `$KV.${bucket.beat}.${keys.all(job)}`,
      subjects.all(job),
      // The library asks whether there is JetStream before it opens a bucket.
      '$JS.API.INFO',
      ...ofJob.flatMap(({ stream, keys: pattern }) => [
        // One value of a key; a watch of keys: in both, the subject says which.
        `$JS.API.DIRECT.GET.${stream}.${pattern}`,
        `$JS.API.CONSUMER.CREATE.${stream}.*.${pattern}`,
        `$JS.API.STREAM.INFO.${stream}`,
        `$JS.FC.${stream}.>`,
      ]),
    ],
    subscribe: [`_INBOX.${place}.>`],
  };
}
