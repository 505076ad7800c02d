/** One measurement of `npm run bench -- serve`, in and out; both halves read and write it. */
export interface DecodeRequest {
  readonly model: string;
  readonly threads: number;
  readonly requests: number;
  /** Of each answer. */
  readonly tokens: number;
  /** Requests in one step. */
  readonly together: number;
  /** Adapters that requests use in turn; 0 for the base alone. */
  readonly adapters: number;
}

/** Of all requests after a warm one. */
export interface DecodeResult {
  readonly tokens: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}
