import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { failureOf, toAnnealError } from '../../../crds/index.ts';
import type { Check } from '../../doctor/check.ts';
import { doctor } from '../../doctor/diagnosis.ts';
import { knowsCluster, namesCluster } from '../../jobs/open-source.ts';
import type { CliConfig } from '../../process/config.ts';
import type { OutputFormat } from '../../process/flags.ts';
import type { SourceFlags } from '../../process/source-flags.ts';
import { thisMachine } from '../../setup/machine.ts';
import { glyphSet } from '../../terminal/glyphs.ts';
import { jsonOf } from '../../terminal/json.ts';
import { diagnosisText } from './text.ts';

/** `anneal doctor` on this machine; the exit code says whether a required check failed. */
export async function doctorFromTerminal(
  { output, asked }: { readonly output: OutputFormat; readonly asked: SourceFlags },
  config: CliConfig,
  out: (text: string) => void,
): Promise<number> {
  const found = await doctor({
    machine: thisMachine(),
    cache: config.cache,
    checkout: join(import.meta.dirname, '../../..'),
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cores: availableParallelism(),
    threads: config.threads,
    totalBytes: totalmem(),
    freeBytes: freemem(),
  });
  const cluster = await checksOfCluster(asked, config);
  const all = { ...found, checks: [...found.checks, ...cluster] };
  const text = glyphSet(config).text(diagnosisText(found, cluster));
  out(output === 'json' ? jsonOf('Diagnosis', all) : text);
  // A cluster that the command does not name may fail its checks: this machine runs jobs without
  // one.
  const isWell =
    found.healthy && (!namesCluster(asked) || cluster.every(({ state }) => state === 'Passed'));
  return isWell ? 0 : failureOf('E_SETUP').cliExit;
}

const timeoutMs = 10_000;

/** Empty where no cluster is known. */
async function checksOfCluster(asked: SourceFlags, config: CliConfig): Promise<readonly Check[]> {
  if (!knowsCluster(asked, config)) return [];
  const { Kube } = await import('../../client/kube.ts');
  const { clusterAccess } = await import('../../jobs/cluster-access.ts');
  const { clusterChecks } = await import('../../doctor/cluster-checks.ts');
  try {
    const { systemNamespace } = config;
    const { access, home: namespace } = await clusterAccess(asked, config);
    await using kube = new Kube(access, timeoutMs);
    const facts = { kube, contextName: access.contextName, namespace, systemNamespace };
    return await clusterChecks(facts, new AbortController().signal);
  } catch (thrown) {
    const { message, hint } = toAnnealError(thrown);
    return [{ name: 'cluster', state: 'Warning', observed: message, fix: hint }];
  }
}
