// How buckets and streams of the bus are made, and what whoever watches a bucket is told.

export interface BucketSettings {
  readonly name: string;
  readonly history: number;
  /** Keys that are not written for so long are forgotten. */
  readonly lifetimeSeconds?: number;
  readonly storage: 'File' | 'Memory';
  readonly replicas: number;
}

export interface StreamSettings {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
  readonly replicas: number;
}

export interface Watcher {
  /** Value undefined: the key is gone. */
  readonly entry: (key: string, value: unknown, revision: number) => void;
  /** All keys that are there now were told; also after each reconnect. */
  readonly ready: () => void;
  /** Told before the keys are told again. */
  readonly again: () => void;
}
