// Jobs as builders of objects see them, from the examples or from changes to the smallest job.
import { readFileSync } from 'node:fs';
import type { FineTuneJob } from '../../crds/api/job.ts';
import { parseJob } from '../../crds/manifest/manifest.ts';
import { writePlan } from '../../operator/job/plan.ts';
import type { BuiltJob } from '../../operator/objects/child.ts';
import type { PodSettings } from '../../operator/objects/settings.ts';
import { aJob, type Changes } from './job.ts';

export const someSettings: PodSettings = {
  image: 'registry.example.com/anneal-worker@sha256:0',
  imagePullPolicy: 'IfNotPresent',
  resources: {
    prepare: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '16Gi' } },
    worker: { requests: { cpu: '500m' }, limits: {} },
    publish: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '4Gi' } },
  },
  bus: { url: 'nats://anneal-nats.anneal-system:4222', port: 4222, namespace: 'anneal-system' },
  hubEndpoint: undefined,
  nameServers: ['169.254.20.10/32', '10.96.0.10/32'],
  traces: undefined,
  monitoringNamespace: 'monitoring',
  devices: {
    image: 'registry.example.com/anneal-worker@sha256:1',
    imagePullPolicy: 'IfNotPresent',
    resourceName: 'nvidia.com/gpu',
    runtimeClassName: undefined,
    memoryBytes: undefined,
  },
  coschedulingScheduler: 'scheduler-plugins-scheduler',
};

export function built({ metadata, spec }: FineTuneJob): BuiltJob {
  const { name = 'first', namespace = 'team-a' } = metadata;
  const uid = '0123abcd-0000-4000-8000-000000000000';
  const planDigest = writePlan({ name, namespace, uid, spec }).digest;
  return { name, namespace, uid, spec, planDigest };
}

export function aBuiltJob(changes: Changes = {}): BuiltJob {
  return built(aJob(changes));
}

export function anExample(name: string): BuiltJob {
  const file = new URL(`../../crds/examples/${name}.yaml`, import.meta.url);
  return built(parseJob(readFileSync(file, 'utf8'), `${name}.yaml`).job);
}
