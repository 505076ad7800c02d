// What the Job controller does about a pod that ended badly, by its exit code: rows of the table of
// failures, with the job's own rules before them. The real budget of restarts is the operator's;
// the Job's only matters while the operator is away.
import type { V1PodFailurePolicy, V1PodFailurePolicyRule } from '@kubernetes/client-node';
import type { FailurePolicy } from '../../crds/api/policy.ts';
import { workerExits } from '../../crds/failures/table.ts';

/** Kubernetes takes at most 20 rules; a job may have 16, and three are ours. */
export function podFailurePolicy(policy: Pick<FailurePolicy, 'rules'>): V1PodFailurePolicy {
  const own = policy.rules.flatMap(({ onExitCodes, action }): V1PodFailurePolicyRule[] =>
    // Rules about reasons need the termination message of the pod, which only the operator reads.
    onExitCodes === undefined ? [] : [exitRule(actions[action], onExitCodes)],
  );
  return {
    rules: [
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      ...own,
      exitRule('Ignore', codesOf('Ignored')),
      exitRule('FailJob', codesOf('Permanent')),
    ],
  };
}

const actions: Readonly<Record<FailurePolicy['rules'][number]['action'], string>> = {
  Restart: 'Count',
  RestartExcludingNode: 'Count',
  Ignore: 'Ignore',
  Fail: 'FailJob',
};

/** Without a container name it holds for the init container too. */
function exitRule(action: string, values: readonly number[]): V1PodFailurePolicyRule {
  const ordered = [...new Set(values)].sort((a, b) => a - b);
  return { action, onExitCodes: { operator: 'In', values: ordered } };
}

function codesOf(retry: 'Ignored' | 'Permanent'): readonly number[] {
  return workerExits.filter((exit) => exit.retry === retry).map(({ code }) => code);
}

export function backoffLimit({ maxRestarts }: FailurePolicy, replicas: number): number {
  return Math.min(replicas * (maxRestarts + 1) + 8, 2 ** 31 - 1);
}
