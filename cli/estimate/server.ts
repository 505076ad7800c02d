// `anneal estimate FILE` of an AdapterServer: what a pod of it takes.
import { dirname, join, resolve } from 'node:path';
import { adapterServer, type ServerSpec } from '../../crds/api/adapter-server.ts';
import { UserError } from '../../crds/index.ts';
import { parseOnly } from '../../crds/manifest/only-document.ts';
import { serverNames } from '../../crds/names/group.ts';
import { unlimited } from '../../crds/plan/processor.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import { edgeBytes } from '../../crds/serve/pod.ts';
import { servedBy } from '../../crds/serve/served-by.ts';
import type { PlanSettings, ServerPlan } from '../../crds/serve/server-plan.ts';

interface Options {
  readonly gpuMemory: number | undefined;
  readonly volumes: Readonly<Record<string, string>>;
}

interface Context {
  readonly cache: string;
  readonly plan: (settings: PlanSettings) => Promise<ServerPlan>;
}

interface ServerEstimate {
  readonly server: string;
  readonly plan: ServerPlan;
  /** Of adapters whose files are not known here, with sentences. */
  readonly uncounted: readonly string[];
}

/** Whether a file has a server, by its first words. */
export function isServer(text: string): boolean {
  return new RegExp(`^kind:\\s*${serverNames.kind}\\s*$`, 'm').test(text);
}

export async function estimateServer(
  text: string,
  file: string,
  { gpuMemory, volumes }: Options,
  { cache, plan }: Context,
): Promise<ServerEstimate> {
  const { spec, metadata } = parseOnly(text, file, {
    ...{ kind: serverNames.kind, schema: adapterServer, refused: () => [] },
  });
  if (spec.engine.type === 'VLLM') {
    throw new UserError({
      code: 'E_USAGE',
      message: `${file} has the engine VLLM, and vLLM takes for keys and values what it finds free`,
      hint: 'the memory of a server of the engine Anneal can be estimated',
    });
  }
  const folderOf = (claim: string): string => volumes[claim] ?? join(cache, 'volumes', claim);
  const known = spec.adapters.flatMap(({ name, persistentVolumeClaim: claim }) =>
    claim === undefined ? [] : [{ name, folder: join(folderOf(claim.claimName), claim.path) }],
  );
  const found = await plan({
    ...{ ...servedBy(spec), version: 1, folder: dirname(resolve(file)), cache, volumes },
    ...{ adapters: known, threads: 1, limitBytes: limitOf(spec, gpuMemory) },
  });
  const uncounted = spec.adapters.flatMap(({ name, adapterRef }) =>
    adapterRef === undefined
      ? []
      : [`adapter ${name} is the Adapter ${adapterRef.name}, which only a cluster knows`],
  );
  return { server: metadata.name ?? 'server', plan: found, uncounted };
}

/** What the process with the model may take of a pod. */
function limitOf({ resources, devicesPerReplica }: ServerSpec, gpuMemory: number | undefined) {
  if (devicesPerReplica > 0) return gpuMemory ?? unlimited;
  const limit = resources?.limits?.['memory'];
  return limit === undefined ? unlimited : Math.max(1, parseQuantity(limit) - edgeBytes);
}
