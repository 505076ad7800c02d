// What a connection may publish and subscribe to. A pod of a job: the keys and subjects of that job, by the JetStream calls that name
// them; what the operator wants of it ('desired') it may read and not write. A call that could read another job's keys is not in the list.
import { viewInbox } from '../../crds/wire/pod.ts';
import { bucket, type JobOnBus, keys, stream, subjects } from '../../crds/wire/subjects.ts';

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

/** Reads the streams and records of all jobs of a namespace, and writes nothing: every consumer that it makes names the namespace. */
export function viewRights(namespace: string): Rights {
  const streams = Object.values(stream).map((name) => ({
    name,
    subject: `anneal.v1.${namespace}.>`,
  }));
  const buckets = Object.values(bucket).map((name) => ({
    name: `KV_${name}`,
    subject: `$KV.${name}.${namespace}.>`,
  }));
  return {
    publish: [
      '$JS.API.INFO',
      ...[...streams, ...buckets].flatMap(({ name, subject }) => [
        `$JS.API.CONSUMER.CREATE.${name}.*.${subject}`,
        `$JS.API.STREAM.INFO.${name}`,
        `$JS.FC.${name}.>`,
      ]),
      ...buckets.map(({ name, subject }) => `$JS.API.DIRECT.GET.${name}.${subject}`),
    ],
    subscribe: [`${viewInbox(namespace)}.>`],
  };
}
