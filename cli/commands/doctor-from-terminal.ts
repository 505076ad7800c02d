import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { failureOf, toAnnealError } from '../../crds/index.ts';
import type { OutputFormat } from '../command-table/flags.ts';
import { jsonOf } from '../command-table/json.ts';
import type { CliConfig } from '../config.ts';
import type { Check } from '../doctor/check.ts';
import { diagnosisText } from '../format/diagnosis-text.ts';
import { glyphSet } from '../format/glyphs.ts';
import { knowsCluster } from '../jobs/open-source.ts';
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
  const cluster = await checksOfCluster(config);
  const all = { ...found, checks: [...found.checks, ...cluster] };
  const text = glyphSet(config).text(diagnosisText(all));
  out(output === 'json' ? jsonOf('Diagnosis', all) : text);
  return found.healthy ? 0 : failureOf('E_SETUP').cliExit;
}

const timeoutMs = 10_000;

/** None where no cluster is known. */
async function checksOfCluster(config: CliConfig): Promise<readonly Check[]> {
  if (!knowsCluster({}, config)) return [];
  const { Kube } = await import('../client/kube.ts');
  const { readKubeconfig } = await import('../client/kubeconfig.ts');
  const { clusterChecks } = await import('../doctor/cluster-checks.ts');
  try {
    const { context, kubeconfigs: defaults, systemNamespace } = config;
    const access = await readKubeconfig({ file: undefined, defaults, context });
    const namespace = config.namespace ?? access.namespace ?? 'default';
    await using kube = new Kube(access, timeoutMs);
    const facts = { kube, contextName: access.contextName, namespace, systemNamespace };
    return await clusterChecks(facts, new AbortController().signal);
  } catch (thrown) {
    const { message, hint } = toAnnealError(thrown);
    return [{ name: 'cluster', state: 'Warning', observed: message, fix: hint }];
  }
}
