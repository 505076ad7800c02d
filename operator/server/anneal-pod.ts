// Pods of the engine Anneal: one container, which reads the list of adapters while it runs.
import type { V1PodSpec } from '@kubernetes/client-node';
import { serverChild } from '../../crds/names/child-names.ts';
import { serverComponent } from '../../crds/names/labels.ts';
import { listPath, servingPort, servingVariable } from '../../crds/serve/pod.ts';
import { sourceVariables } from '../objects/environment.ts';
import { referencesTo } from '../objects/references.ts';
import { containerSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import { podVolumes } from '../objects/volumes.ts';
import type { BuiltServer } from './built-server.ts';
import { framed, probe, resourcesOf, storageOf } from './pod-frame.ts';
import { servingOf } from './serving.ts';

export function annealPod(server: BuiltServer, settings: PodSettings): V1PodSpec {
  const { name, spec, places, planned } = server;
  const site = spec.devicesPerReplica > 0 ? settings.devices : settings;
  const references = referencesTo(spec.model.source, places.buckets);
  const list = {
    volume: { name: 'adapters', configMap: { name: serverChild.adapters(name) } },
    ...{ at: listPath.folder, readOnly: true },
  };
  const { volumes, mounts } = podVolumes([list, ...storageOf(server, settings)]);
  return framed(server, settings, {
    containers: [
      {
        name: serverComponent,
        // The site's alone: limits for images of jobs do not apply here.
        image: site.image,
        imagePullPolicy: site.imagePullPolicy,
        command: ['node', '/app/cli/serve/pod-main.js'],
        env: [
          { name: servingVariable, value: JSON.stringify(servingOf(server)) },
          ...sourceVariables(references, settings),
        ],
        volumeMounts: mounts,
        resources: resourcesOf(spec, settings, planned),
        ports: [{ name: 'http', containerPort: servingPort, protocol: 'TCP' }],
        readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
        livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 6 },
        securityContext: containerSecurity,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes,
  });
}
