// What the thread of a target and the process around it share.
export interface ThreadData {
  readonly target: string;
  readonly seconds: number;
  readonly seed: number;
  /** Two words, the number and the length of the input that runs; behind them its bytes. */
  readonly shared: SharedArrayBuffer;
}

export const sharedWords = 2;
export const sharedInputBytes = 1 << 20;
