import { availableParallelism, freemem } from 'node:os';
import { join, resolve } from 'node:path';
import { failureOf } from '../../crds/index.ts';
import { describeModel } from '../client/describe-model.ts';
import { reportsOf } from '../client/run-store.ts';
import { now } from '../clock.ts';
import type { Assignment, OutputFormat } from '../command-table/flags.ts';
import { jsonOf } from '../command-table/json.ts';
import type { CliConfig } from '../config.ts';
import { estimateText } from '../format/estimate-text.ts';
import { glyphSet } from '../format/glyphs.ts';
import { harmless } from '../format/harmless.ts';
import type { Surroundings } from '../program.ts';
import { estimate } from './estimate.ts';

export interface EstimateFlags {
  readonly gpuMemory?: number;
  readonly workers?: number;
  readonly whatIf?: readonly (readonly Assignment[])[];
  readonly volume?: Readonly<Record<string, string>>;
  readonly output: OutputFormat;
}

/** `anneal estimate` on this machine; the exit code says whether the job fits. */
export async function estimateFromTerminal(
  file: string,
  flags: EstimateFlags,
  config: CliConfig,
  { out, err }: Pick<Surroundings, 'out' | 'err'>,
): Promise<number> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const { gpuMemory, workers, whatIf = [], volume = {}, output } = flags;
  const volumes = Object.fromEntries(
    Object.entries(volume).map(([name, folder]) => [name, resolve(folder)]),
  );
  const warn = (message: string): void => err(`${harmless(message)}\n`);
  const worker = join(import.meta.dirname, '../../worker/main.ts');
  const found = await estimate(
    { file, gpuMemory, workers, whatIf, volumes },
    {
      cache: config.cache,
      freeBytes: freemem(),
      cores: availableParallelism(),
      now,
      reports: (job) => reportsOf(config.cache, job),
      describe: (record) => describeModel(record, worker, warn, interrupted.signal),
    },
  );
  const text = output === 'json' ? jsonOf('Estimate', found) : estimateText(found);
  out(output === 'json' ? text : glyphSet(config).text(text));
  return found.fits ? 0 : failureOf('E_DOES_NOT_FIT').cliExit;
}
