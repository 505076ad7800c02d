// What the thread of a target and the process around it share.
export interface ThreadData {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /**
   * Four words: number and length of the input that runs; how many inputs were kept and functions
   * reached, for a thread that is ended has no last word. Behind them the bytes of the input.
   */
  readonly shared: SharedArrayBuffer;
}

export const sharedWords = 4;
export const sharedInputBytes = 1 << 20;
