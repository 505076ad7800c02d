// Where pods may run: tolerations, affinity, topology, nodes that failed before, and the words that
// a queue reads.
import type {
  V1Affinity,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1Toleration,
} from '@kubernetes/client-node';
import { Component, label, priorityClassLabel, queueLabel } from '../../crds/names/labels.ts';
import type { BuiltJob } from './child.ts';
import type { Sent } from './sent.ts';

type Affinity = Sent<V1Affinity>;

/**
 * Those of the job, `more`, and that a lost node gives its pods back after the job's own time, not
 * after the cluster's five minutes.
 */
export function tolerationsOf(
  { spec }: BuiltJob,
  more: readonly Sent<V1Toleration>[],
): readonly Sent<V1Toleration>[] {
  const tolerationSeconds = spec.failurePolicy.nodeLostGraceSeconds;
  const gone = ['not-ready', 'unreachable'].map((state) => ({
    key: `node.kubernetes.io/${state}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }));
  return [...(spec.worker.tolerations ?? []), ...more, ...gone];
}

interface NodeRules {
  /** On which something went wrong before. */
  readonly excludedNodes: readonly string[];
  /** On labels of nodes, beside those of the job. */
  readonly requirements: readonly Sent<V1NodeSelectorRequirement>[];
}

export function affinityOf(job: BuiltJob, rules: NodeRules): Partial<Affinity> | undefined {
  const { affinity: own } = job.spec.worker;
  const affinity: Partial<Affinity> = {
    ...own,
    ...onNodes(own, rules),
    ...withTopology(job, own),
  };
  return Object.keys(affinity).length === 0 ? undefined : affinity;
}

function onNodes(
  own: Partial<Affinity> | undefined,
  { excludedNodes, requirements }: NodeRules,
): Partial<Affinity> {
  if (excludedNodes.length === 0 && requirements.length === 0) return {};
  const not = { key: 'metadata.name', operator: 'NotIn' };
  // NotIn takes one value for this field, so each node is a requirement of its own.
  const matchFields = excludedNodes.map((node) => ({ ...not, values: [node] }));
  const required = own?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms: readonly Sent<Partial<V1NodeSelectorTerm>>[] = required?.nodeSelectorTerms ?? [{}];
  const nodeSelectorTerms = terms.map((term) => ({
    ...term,
    ...(requirements.length === 0
      ? {}
      : { matchExpressions: [...(term.matchExpressions ?? []), ...requirements] }),
    ...(matchFields.length === 0
      ? {}
      : { matchFields: [...(term.matchFields ?? []), ...matchFields] }),
  }));
  return {
    nodeAffinity: {
      ...own?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
    },
  };
}

/** With a queue the topology is the queue's business: see topologyAnnotations. */
function withTopology(
  { uid, spec }: BuiltJob,
  own: Partial<Affinity> | undefined,
): Partial<Affinity> {
  const { topology, queueName } = spec.scheduling;
  if (topology === undefined || queueName !== undefined) return {};
  const labelSelector = {
    matchLabels: { [label.jobUid]: uid, [label.component]: Component.Worker },
  };
  const term = { labelSelector, topologyKey: topology.key };
  const before = own?.podAffinity;
  if (topology.mode === 'Required') {
    const required = before?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    return {
      podAffinity: {
        ...before,
        requiredDuringSchedulingIgnoredDuringExecution: [...required, term],
      },
    };
  }
  const preferred = before?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const wish = { weight: 100, podAffinityTerm: term };
  return {
    podAffinity: {
      ...before,
      preferredDuringSchedulingIgnoredDuringExecution: [...preferred, wish],
    },
  };
}

export function topologyAnnotations({ spec }: BuiltJob): Record<string, string> {
  const { topology, queueName } = spec.scheduling;
  if (topology === undefined || queueName === undefined) return {};
  const mode = topology.mode === 'Required' ? 'required' : 'preferred';
  return { [`kueue.x-k8s.io/podset-${mode}-topology`]: topology.key };
}

/** Of the Jobs that prepare and publish: where a queue manages all Jobs, they need one too. */
export function auxiliaryQueue({ scheduling }: BuiltJob['spec']): string | undefined {
  return scheduling.auxiliaryQueueName ?? scheduling.queueName;
}

export function queueLabels(
  { spec }: BuiltJob,
  queueName = spec.scheduling.queueName,
): Record<string, string> {
  const { workloadPriorityClassName } = spec.scheduling;
  if (queueName === undefined) return {};
  return {
    [queueLabel]: queueName,
    ...(workloadPriorityClassName === undefined
      ? {}
      : { [priorityClassLabel]: workloadPriorityClassName }),
  };
}

/** How far the queue may change the size of the job. */
export function queueAnnotations({ spec }: BuiltJob): Record<string, string> {
  const { elasticity, minReplicas } = spec.worker;
  if (spec.scheduling.queueName === undefined) return {};
  if (elasticity === 'AtStart' && minReplicas !== undefined) {
    return {
      'kueue.x-k8s.io/job-min-parallelism': String(minReplicas),
      'kueue.x-k8s.io/job-completions-equal-parallelism': 'true',
    };
  }
  return elasticity === 'Live' ? { 'kueue.x-k8s.io/elastic-job': 'true' } : {};
}
