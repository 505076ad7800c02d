// How buckets and streams of the bus are made, and what whoever watches a bucket is told.

export interface BucketSettings {
  readonly name: string;
  readonly history: number;
  readonly replicas: number;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
  readonly republish: Republished;
}

export interface StreamSettings {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
  readonly maxMessageBytes: number;
  readonly replicas: number;
  readonly republish: Republished;
}

interface Republished {
  readonly src: string;
  readonly dest: string;
  readonly headers_only?: boolean;
}

export interface Watcher {
  /** Value undefined: the key is gone. */
  readonly entry: (key: string, value: unknown, revision: number) => void;
  /** All keys that are there now were told; also after each reconnect. */
  readonly ready: () => void;
  /** Told before the keys are told again. */
  readonly again: () => void;
}

/** A value, and the revision that a write which replaces it must name. */
export interface Entry {
  readonly value: unknown;
  readonly revision: number;
}

/** A message as a stream keeps it. */
interface Message {
  /** Sequence number in the stream. */
  readonly sequence: number;
  readonly subject: string;
  readonly value: unknown;
}

export interface Page {
  readonly messages: readonly Message[];
  /** How many more the stream holds. */
  readonly left: number;
}
