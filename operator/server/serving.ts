// What the program of a pod of a server is told, from its spec.
import type { PodHandover } from '../../crds/serve/handover.ts';
import type { PodServing } from '../../crds/serve/pod.ts';
import { servedBy } from '../../crds/serve/served-by.ts';
import { usualLimits } from '../../crds/serve/usual-limits.ts';
import { folderOfClaim } from '../objects/volumes.ts';
import type { BuiltServer } from './built-server.ts';

type Server = Pick<BuiltServer, 'spec' | 'places'>;

/** Claims to mount: those of adapters, and that of the base. */
export function claimsOf({ spec: { model }, places: { claims } }: Server): readonly string[] {
  const own = model.source.persistentVolumeClaim?.claimName;
  return [...new Set([...claims, ...(own === undefined ? [] : [own])])].sort();
}

function volumesOf(server: Server): Readonly<Record<string, string>> {
  return Object.fromEntries(claimsOf(server).map((claim) => [claim, folderOfClaim(claim)]));
}

export function servingOf(server: Server): PodServing {
  const { spec } = server;
  return {
    ...servedBy(spec),
    volumes: volumesOf(server),
    queue: spec.limits.queue ?? usualLimits.queue,
  };
}

/** For vLLM: a change of the list is a change of the pods. */
export function handoverOf(server: Server): PodHandover {
  const { spec, places } = server;
  return {
    ...{ name: spec.modelName, model: spec.model, volumes: volumesOf(server) },
    ...{ adapters: places.listed, anyBase: spec.acceptUnnamedBase },
    ...{ context: spec.limits.context, together: spec.limits.sequences },
    devices: spec.devicesPerReplica,
  };
}
