import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { failureOf } from '../../crds/index.ts';
import type { OutputFormat } from '../command-table/flags.ts';
import { jsonOf } from '../command-table/json.ts';
import type { CliConfig } from '../config.ts';
import { diagnosisText } from '../format/diagnosis-text.ts';
import { glyphSet } from '../format/glyphs.ts';
import { thisMachine } from '../setup/machine.ts';
import { doctor } from './doctor.ts';

/** `anneal doctor` on this machine; the exit code says whether something needed is missing. */
export async function doctorFromTerminal(
  output: OutputFormat,
  config: CliConfig,
  out: (text: string) => void,
): Promise<number> {
  const found = await doctor({
    machine: thisMachine(),
    cache: config.cache,
    checkout: join(import.meta.dirname, '../..'),
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cores: availableParallelism(),
    threads: config.threads,
    totalBytes: totalmem(),
    freeBytes: freemem(),
  });
  const text = glyphSet(config).text(diagnosisText(found));
  out(output === 'json' ? jsonOf('Diagnosis', found) : text);
  return found.healthy ? 0 : failureOf('E_SETUP').cliExit;
}
