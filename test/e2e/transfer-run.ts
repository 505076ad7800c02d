// `anneal transfer` in real processes that a test can kill.
import { join } from 'node:path';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import type { ComparisonRecord, SyntheticRecord } from '../../crds/wire/transfer.ts';
import { runCommand, type Victim } from './anneal-process.ts';

export type TransferLine =
  | { readonly type: 'begin'; readonly folder: string; readonly continued: boolean }
  | { readonly type: 'progress'; readonly stage: string; readonly message: Telemetry }
  | ({ readonly type: 'synthetic' } & SyntheticRecord)
  | ({ readonly type: 'comparison' } & ComparisonRecord)
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'outcome'; readonly state: string };

interface TransferEnd {
  readonly code: number | null;
  readonly stderr: string;
  readonly lines: readonly TransferLine[];
  /** Empty where it was killed before it said so. */
  readonly folder: string;
  readonly synthetic: SyntheticRecord | undefined;
  readonly comparison: ComparisonRecord | undefined;
}

interface Options {
  readonly cache: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Names a victim for a line at which it is killed at once. */
  readonly kill?: (line: TransferLine) => Victim | null;
}

export async function transfer(
  file: string,
  { cache, variables, flags = [], kill = () => null }: Options,
): Promise<TransferEnd> {
  const words = ['transfer', file, '--output', 'json', '--threads', '1', ...flags];
  const { code, stderr, lines } = await runCommand(words, cache, variables, kill);
  return {
    ...{ code, stderr, lines },
    folder: lines.find((line) => line.type === 'begin')?.folder ?? '',
    synthetic: lines.find((line) => line.type === 'synthetic'),
    comparison: lines.find((line) => line.type === 'comparison'),
  };
}

/** Files of a transfer that its job trains on. */
export function syntheticFile(folder: string, name: string): string {
  return join(folder, 'synthetic', name);
}
