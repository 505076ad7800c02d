/**
 * The peer of recovery on a cluster: a plain Job of the batch API with as many pods, whose
 * container needs nothing to be ready. It trains nothing and meets nobody: a line from the
 * container that took the place of the killed one is the least that any training on such a Job
 * waits for.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl } from '../../cluster/access.ts';
import { eventually } from '../../doubles/eventually.ts';
import { imageName } from '../../setup/images.ts';

/**
 * How the Job has its containers started again: by kubelet in their pod, or by the Job controller
 * with another pod.
 */
export type RestartPolicy = 'OnFailure' | 'Never';

const name = 'plain';

/** Appends when it began to run, and stays until it is asked to go, which it does at once. */
const program = `
  const file = '/data/index-' + process.env.JOB_COMPLETION_INDEX;
  require('node:fs').appendFileSync(file, Date.now() + '\\n');
  process.on('SIGTERM', () => process.exit(1));
  setInterval(() => {}, 1000);
`;

export async function applyPlainJob(
  namespace: string,
  pods: number,
  restartPolicy: RestartPolicy,
): Promise<void> {
  const container = {
    ...{ name: 'worker', image: imageName('worker'), imagePullPolicy: 'Never' },
    ...{ command: ['node', '-e', program], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const template = {
    spec: {
      ...{ restartPolicy, containers: [container], terminationGracePeriodSeconds: 30 },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'toy' } }],
    },
  };
  const spec = {
    ...{ completionMode: 'Indexed', completions: pods, parallelism: pods, template },
    // Each index waits by itself where it can, as in our worker Job.
    ...(restartPolicy === 'Never' ? { backoffLimitPerIndex: 100 } : { backoffLimit: 100 }),
  };
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace }, spec };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(job) });
}

export const plainPods = `batch.kubernetes.io/job-name=${name}`;

/** When containers of an index began to run, in milliseconds since 1970. */
export function startsOf(folder: string, index: number): readonly number[] {
  try {
    const text = readFileSync(join(folder, `index-${index}`), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // not yet
  }
}

export async function untilStarted(folder: string, index: number, times: number): Promise<number> {
  const isThere = () => startsOf(folder, index).length >= times;
  await eventually(`container ${index} runs`, isThere, { withinMs: 240_000, everyMs: 50 });
  return startsOf(folder, index)[times - 1] ?? Number.NaN;
}
