// Pods of the engine VLLM: our program puts the base in place and looks at the adapters, then vLLM
// of the user's image serves them. What vLLM documents of its command and its deployment on
// Kubernetes is what is written here; credentials are those of the first container alone.
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import { serverComponent } from '../../crds/names/labels.ts';
import { handoverPath } from '../../crds/serve/handover.ts';
import { lingerMs, servingPort, servingVariable } from '../../crds/serve/pod.ts';
import { cacheBytesOf } from '../../crds/serve/served-by.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { sourceVariables } from '../objects/environment.ts';
import { referencesTo } from '../objects/references.ts';
import { prepareResources } from '../objects/resources.ts';
import { containerSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import { podVolumes } from '../objects/volumes.ts';
import type { BuiltServer } from './built-server.ts';
import { framed, probe, resourcesOf, storageOf } from './pod-frame.ts';
import { handoverOf } from './serving.ts';

export const handoverContainer = 'handover';

/** Processes of a split model exchange what they computed through it. */
const sharedMemorySize = '2Gi';
/** A large model is read and compiled before it answers. */
const startSeconds = 3600;

/** A shell, because the arguments are not known before the first container has looked. */
const script = `while IFS= read -r argument; do set -- "$@" "$argument"; done < ${handoverPath.arguments}
exec "$@"`;

export function vllmPod(server: BuiltServer, settings: PodSettings): V1PodSpec {
  const { spec } = server;
  const storage = storageOf(server, settings);
  const memory = {
    volume: {
      name: 'shared-memory',
      emptyDir: { medium: 'Memory', sizeLimit: sharedMemorySize },
    },
    at: podPath.sharedMemory,
  };
  const isSplit = spec.devicesPerReplica > 1;
  const { volumes, mounts } = podVolumes([...storage, ...(isSplit ? [memory] : [])]);
  return framed(server, settings, {
    initContainers: [
      {
        name: handoverContainer,
        image: settings.image,
        imagePullPolicy: settings.imagePullPolicy,
        command: ['node', '/app/cli/serve/handover-main.js'],
        env: [
          { name: servingVariable, value: JSON.stringify(handoverOf(server)) },
          ...sourceVariables(referencesTo(spec.model.source, server.places.buckets), settings),
        ],
        volumeMounts: podVolumes(storage).mounts,
        resources: prepareResources(settings),
        securityContext: containerSecurity,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    containers: [vllmContainer(server, settings, mounts)],
    volumes,
  });
}

function vllmContainer(
  { spec }: BuiltServer,
  settings: PodSettings,
  volumeMounts: NonNullable<V1Container['volumeMounts']>,
): V1Container {
  return {
    name: serverComponent,
    image: spec.engine.vllm?.image ?? '',
    command: ['/bin/sh', '-c', script, 'sh'],
    args: ['vllm', 'serve', handoverPath.model, ...argumentsOf(spec)],
    env: [
      // Caches are written below it, and the user of these pods has no entry in the image.
      { name: 'HOME', value: podPath.scratch },
      { name: 'USER', value: 'anneal' },
      { name: 'HF_HUB_OFFLINE', value: '1' },
      { name: 'VLLM_NO_USAGE_STATS', value: '1' },
    ],
    volumeMounts,
    resources: resourcesOf(spec, settings),
    ports: [{ name: 'http', containerPort: servingPort, protocol: 'TCP' }],
    startupProbe: { ...probe('/health'), periodSeconds: 10, failureThreshold: startSeconds / 10 },
    readinessProbe: { ...probe('/health'), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe('/health'), periodSeconds: 10, failureThreshold: 6 },
    // It is still asked until everyone knows that it goes.
    lifecycle: { preStop: { exec: { command: ['sleep', String(lingerMs / 1000)] } } },
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** Those that follow from the spec alone. */
function argumentsOf({
  modelName,
  limits,
  precision,
  devicesPerReplica,
}: BuiltServer['spec']): readonly string[] {
  const cacheBytes = cacheBytesOf(limits);
  return [
    ...['--served-model-name', modelName, '--port', String(servingPort)],
    ...['--max-num-seqs', String(limits.sequences)],
    ...['--tensor-parallel-size', String(devicesPerReplica)],
    ...(precision === undefined ? [] : ['--dtype', precision.toLowerCase()]),
    ...(cacheBytes === undefined ? [] : ['--kv-cache-memory-bytes', String(cacheBytes)]),
  ];
}
