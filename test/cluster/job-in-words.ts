// How a job stands, for the message of a test that waited for it in vain: the cluster is gone when
// somebody reads it.
import { statusOf } from './a-real-job.ts';
import { kubectl, listJson } from './access.ts';

/** Status of the job, its pods with the ends of their logs, and the latest events, as JSON. */
export async function jobInWords(namespace: string, name: string): Promise<string> {
  const [status, pods, events] = await Promise.allSettled([
    statusInWords(namespace, name),
    podsInWords(namespace),
    latestEvents(namespace),
  ]);
  return JSON.stringify({ status: told(status), pods: told(pods), events: told(events) }, null, 1);
}

function told(result: PromiseSettledResult<unknown>): unknown {
  return result.status === 'fulfilled' ? result.value : String(result.reason);
}

const lines = 8;

/** Without what was planned and made. */
async function statusInWords(namespace: string, name: string) {
  const { phase, conditions, restarts, failure, progress } = await statusOf(namespace, name);
  return { phase, conditions, restarts, failure, progress };
}

async function podsInWords(namespace: string) {
  const found = (await listJson(namespace, 'pods', 'anneal.dev/component')) as Pod[];
  return await Promise.all(
    found.map(async ({ metadata, status }) => ({
      name: metadata.name,
      ending: metadata.deletionTimestamp,
      phase: status.phase,
      containers: status.containerStatuses?.map(({ state }) => state),
      log: await logOf(namespace, metadata.name),
    })),
  );
}

async function logOf(namespace: string, pod: string) {
  const words = ['-n', namespace, 'logs', pod, '--all-containers', `--tail=${lines}`];
  const { stdout, stderr } = await kubectl(words, { mayFail: true });
  return [...stdout.split('\n'), stderr];
}

async function latestEvents(namespace: string) {
  const sorted = ['--sort-by=.lastTimestamp', '--no-headers'];
  const { stdout } = await kubectl(['-n', namespace, 'get', 'events', ...sorted]);
  return stdout.split('\n').slice(-3 * lines);
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly state: unknown }[];
  };
}
