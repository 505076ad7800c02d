// The cluster and namespace of a command: from its flags, the settings and the kubeconfig.
import { type KubeAccess, readKubeconfig } from '../client/kubeconfig.ts';
import type { CliConfig } from '../process/config.ts';
import type { SourceFlags } from '../process/source-flags.ts';

interface ClusterAccess {
  readonly access: KubeAccess;
  /** Namespace of the context, where none is named. */
  readonly home: string;
}

export async function clusterAccess(
  { kubeconfig, context, namespace }: SourceFlags,
  config: CliConfig,
): Promise<ClusterAccess> {
  const access = await readKubeconfig({
    file: kubeconfig,
    defaults: config.kubeconfigs,
    context: context ?? config.context,
  });
  return { access, home: namespace ?? config.namespace ?? access.namespace ?? 'default' };
}
