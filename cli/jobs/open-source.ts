// The source of jobs for a command: a cluster where one is named or configured, otherwise this
// machine. `--local` and names that begin with `local/` always mean this machine.
import { existsSync } from 'node:fs';
import { type CliConfig, podToken } from '../process/config.ts';
import type { SourceFlags } from '../process/source-flags.ts';
import { LocalSource } from './local-source.ts';
import type { JobSource } from './source.ts';

export async function openSource(flags: SourceFlags, config: CliConfig): Promise<JobSource> {
  if (!knowsCluster(flags, config)) return new LocalSource(config.cache);
  const { openCluster } = await import('./cluster-source.ts');
  return await openCluster(flags, config);
}

/** Whether a command without further arguments uses a cluster. */
export function knowsCluster(flags: SourceFlags, { kubeconfigs }: CliConfig): boolean {
  if (flags.local === true) return false;
  return namesCluster(flags) || [...kubeconfigs, podToken].some((file) => existsSync(file));
}

/** Whether the flags name a cluster; a command has other flags besides these. */
export function namesCluster(flags: SourceFlags): boolean {
  const names = [flags.namespace, flags.context, flags.kubeconfig, flags.allNamespaces];
  return names.some((name) => name !== undefined);
}
