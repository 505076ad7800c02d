// What each image carries: the programs that are started in it, and whether it trains.
export interface Part {
  /**
   * Modules that a process or a thread begins with, as paths of their sources; what they import
   * comes along.
   */
  readonly entries: readonly string[];
  /** The addon and libtorch. */
  readonly native: boolean;
}

export const parts = {
  worker: {
    entries: [
      'worker/supervisor/main.ts',
      'worker/main.ts',
      'worker/pool/main.ts',
      'cli/serve/pod-main.ts',
      'cli/serve/handover-main.ts',
      'cli/commands/federate/pod-main.ts',
      'worker/data/parquet-thread.ts',
      'worker/prepare/tokenise-thread.ts',
    ],
    native: true,
  },
  operator: { entries: ['operator/main.ts', 'operator/bus-auth-main.ts'], native: false },
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof parts;
