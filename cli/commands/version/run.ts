// `anneal version`: versions of this program and of the cluster. A cluster that does not answer
// must not prevent the rest.
import * as z from 'zod';
import { apiVersion, group, plural } from '../../../crds/names/group.ts';
import { programVersion } from '../../../crds/names/version.ts';
import type { Kube } from '../../client/kube.ts';
import { partsOf } from '../../client/system-pods.ts';
import { knowsCluster } from '../../jobs/open-source.ts';
import type { CliConfig } from '../../process/config.ts';
import type { OutputFormat } from '../../process/flags.ts';
import type { SourceFlags } from '../../process/source-flags.ts';
import { jsonOf } from '../../terminal/json.ts';
import { versionText } from './text.ts';

export interface Versions {
  readonly program: string;
  /** API version of job files. */
  readonly jobs: string;
  readonly node: string;
  readonly platform: string;
  readonly cluster?: ClusterVersions;
}

export interface ClusterVersions {
  readonly context?: string;
  readonly server?: string;
  /** Versions of FineTuneJob that the API server serves. */
  readonly definition?: readonly string[];
  readonly operator?: string;
  readonly worker?: string;
  /** Why the cluster did not answer. */
  readonly away?: string;
}

/** Without a configuration, only this program. */
export async function versionFromTerminal(
  { output, asked }: { readonly output: OutputFormat; readonly asked: SourceFlags },
  config: CliConfig | undefined,
  out: (text: string) => void,
): Promise<number> {
  const versions = await versionsOf(config, asked);
  out(output === 'json' ? jsonOf('Version', versions) : versionText(versions));
  return 0;
}

async function versionsOf(config: CliConfig | undefined, asked: SourceFlags): Promise<Versions> {
  const here = {
    ...{ program: programVersion, jobs: apiVersion, node: process.versions.node },
    platform: `${process.platform} ${process.arch}`,
  };
  if (config === undefined || !knowsCluster(asked, config)) return here;
  return { ...here, cluster: await clusterVersions(config, asked) };
}

const timeoutMs = 5_000;

const server = z.object({ gitVersion: z.string() });

const definition = z.object({
  spec: z.object({ versions: z.array(z.object({ name: z.string(), served: z.boolean() })) }),
});

const deployments = z.object({
  items: z.array(
    z.object({
      spec: z.object({
        template: z.object({
          spec: z.object({
            containers: z.array(
              z.object({
                image: z.string(),
                env: z
                  .array(z.object({ name: z.string(), value: z.string().optional() }))
                  .default([]),
              }),
            ),
          }),
        }),
      }),
    }),
  ),
});

async function clusterVersions(config: CliConfig, asked: SourceFlags): Promise<ClusterVersions> {
  const { Kube } = await import('../../client/kube.ts');
  const { clusterAccess } = await import('../../jobs/cluster-access.ts');
  const { toAnnealError } = await import('../../../crds/failures/errors.ts');
  try {
    const { access } = await clusterAccess(asked, config);
    await using kube = new Kube(access, timeoutMs);
    const { gitVersion } = server.parse(await get(kube, '/version'));
    return {
      ...{ context: access.contextName, server: gitVersion },
      ...(await definedVersions(kube)),
      ...(await operatorVersions(kube, config.systemNamespace)),
    };
  } catch (thrown) {
    return { away: toAnnealError(thrown).message };
  }
}

function get(kube: Kube, path: string, query = {}): Promise<unknown> {
  return kube.send({ verb: 'GET', path, query }, new AbortController().signal);
}

/** Nothing where it is not installed, or may not be read. */
async function definedVersions(kube: Kube): Promise<Pick<ClusterVersions, 'definition'>> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`;
  const found = definition.safeParse(await get(kube, path).catch(() => undefined));
  if (!found.success) return {};
  const served = found.data.spec.versions.filter((version) => version.served);
  return { definition: served.map(({ name }) => `${group}/${name}`) };
}

async function operatorVersions(
  kube: Kube,
  namespace: string,
): Promise<Pick<ClusterVersions, 'operator' | 'worker'>> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const labelSelector = partsOf('operator');
  const found = deployments.safeParse(
    await get(kube, path, { labelSelector }).catch(() => undefined),
  );
  const container = found.data?.items[0]?.spec.template.spec.containers[0];
  if (container === undefined) return {};
  const worker = container.env.find(({ name }) => name === 'ANNEAL_WORKER_IMAGE')?.value;
  return { operator: container.image, ...(worker === undefined ? {} : { worker }) };
}
