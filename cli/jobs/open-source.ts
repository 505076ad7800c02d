// Which jobs a command is about: those of a cluster where one is named or known, else those of this
// machine. `--local` and names that begin with `local/` mean this machine always.
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

/** Whether a command without further words is about a cluster. */
export function knowsCluster(flags: SourceFlags, { kubeconfigs }: CliConfig): boolean {
  if (flags.local === true) return false;
  return namesCluster(flags) || [...kubeconfigs, podToken].some((file) => existsSync(file));
}

/** Whether the words of a command do; a command has other flags beside these. */
export function namesCluster(flags: SourceFlags): boolean {
  const names = [flags.namespace, flags.context, flags.kubeconfig, flags.allNamespaces];
  return names.some((name) => name !== undefined);
}
