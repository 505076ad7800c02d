/**
 * Which levels of instructions this machine has: tests whose results depend on the level run at
 * each of them, the best one first and with everything else.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { type CpuLevel, cpuLevels, levelVariable } from '../../worker/tensor/cpu-level.ts';

export interface CpuLevels {
  /**
   * The best, at which a test runs of its own accord; another word where the processor has none.
   */
  readonly best: string;
  /** Lesser ones that it has too. */
  readonly below: readonly CpuLevel[];
  readonly lacking: readonly CpuLevel[];
}

export async function cpuLevelsHere(signal: AbortSignal): Promise<CpuLevels> {
  const script = join(import.meta.dirname, 'best-cpu-level.ts');
  const quiet = '--disable-warning=ExperimentalWarning';
  const { stdout } = await execa(process.execPath, [quiet, script], { cancelSignal: signal });
  return splitLevels(stdout.trim());
}

export function splitLevels(best: string): CpuLevels {
  const names: readonly string[] = cpuLevels;
  const at = names.indexOf(best);
  return {
    best,
    below: cpuLevels.slice(0, Math.max(0, at)).toReversed(),
    lacking: cpuLevels.slice(at + 1),
  };
}

/** For people: at which levels something ran, and at which it could not. */
export function levelsInWords({ best, below, lacking }: CpuLevels): string {
  const ran = `ran at ${[best, ...below].join(', ')}`;
  return lacking.length === 0 ? ran : `${ran}; this machine cannot run ${lacking.join(', ')}`;
}

export function heldTo(level: CpuLevel): Readonly<Record<string, string>> {
  return { [levelVariable]: level };
}
