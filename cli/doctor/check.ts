/** One line of `anneal doctor`. */
export interface Check {
  readonly name: string;
  /** Failed: needed and missing. Warning: works, but can be better. Unused: not needed here. */
  readonly state: 'Passed' | 'Failed' | 'Warning' | 'Unused';
  /** What was seen. */
  readonly observed: string;
  readonly fix?: string;
}
