// The jobs of a cluster: objects from the API server, messages of the workers from the bus. Without
// the bus everything still works, as often as the status is written.
import { group, plural, version } from '../../crds/index.ts';
import { Kube } from '../client/kube.ts';
import { listAll, watchAll } from '../client/kube-watch.ts';
import type { KubeAccess } from '../client/kubeconfig.ts';
import type { CliConfig } from '../process/config.ts';
import type { SourceFlags } from '../process/source-flags.ts';
import type { BesideJobs } from './beside.ts';
import { clusterAccess } from './cluster-access.ts';
import { jobEvents } from './events.ts';
import type { Job } from './job.ts';
import { podLogs } from './pod-logs.ts';
import { readJobObject } from './read-job-object.ts';
import type { Follow, Heard, JobEvent, JobSource, JobsChange, LogsAsked } from './source.ts';
import type { Surroundings } from './surroundings.ts';

export async function openCluster(flags: SourceFlags, config: CliConfig): Promise<ClusterSource> {
  const { access, home } = await clusterAccess(flags, config);
  return new ClusterSource(access, home, flags.allNamespaces === true, config);
}

/** `/apis/anneal.dev/v1alpha1/namespaces/team-a/finetunejobs/first`. */
export function jobPath(namespace: string | undefined, name?: string): string {
  const inside = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/${group}/${version}${inside}/${plural}${name === undefined ? '' : `/${name}`}`;
}

export class ClusterSource implements JobSource {
  readonly type = 'cluster';
  readonly kube: Kube;
  /** Undefined: all. */
  readonly namespace: string | undefined;
  readonly location: string;
  /** Namespace of the context, also when all namespaces are listed. */
  readonly home: string;
  readonly config: CliConfig;

  constructor(access: KubeAccess, home: string, everywhere: boolean, config: CliConfig) {
    this.kube = new Kube(access, config.requestTimeoutMs);
    this.home = home;
    this.namespace = everywhere ? undefined : home;
    this.location = `${access.contextName}/${everywhere ? 'all namespaces' : home}`;
    this.config = config;
  }

  async list(signal: AbortSignal): Promise<readonly Job[]> {
    const { objects } = await listAll(this.kube, { path: jobPath(this.namespace) }, signal);
    return objects.map(readJobObject);
  }

  async besideJobs(signal: AbortSignal): Promise<BesideJobs> {
    const { listBesideJobs } = await import('./beside-jobs.ts');
    return await listBesideJobs(this.kube, this.namespace, signal);
  }

  async *besideChanges(signal: AbortSignal): AsyncGenerator<BesideJobs> {
    const { watchBesideJobs } = await import('./beside-jobs.ts');
    yield* watchBesideJobs(this.kube, this.namespace, signal);
  }

  async *changes(signal: AbortSignal): AsyncGenerator<JobsChange> {
    for await (const one of watchAll(this.kube, { path: jobPath(this.namespace) }, signal)) {
      if (one.type === 'Away') yield one;
      else if (one.type === 'All') yield { type: 'All', jobs: one.objects.map(readJobObject) };
      else {
        const job = readJobObject(one.object);
        yield one.type === 'Gone' ? { type: 'Gone', job } : { type: 'Changed', job };
      }
    }
  }

  async *telemetry(job: Job, asked: Follow, signal: AbortSignal): AsyncGenerator<Heard> {
    const { busMessages } = await import('./bus-messages.ts');
    yield* busMessages(this, job, { ...asked, streams: ['metrics', 'events'] }, signal);
  }

  async *logs(job: Job, asked: LogsAsked, signal: AbortSignal): AsyncGenerator<Heard> {
    if (asked.operator === true) {
      const { operatorLogs } = await import('./operator-logs.ts');
      yield* operatorLogs(this.kube, this.config.systemNamespace, job, asked, signal);
      return;
    }
    if (asked.previous) {
      yield* podLogs(this.kube, job, asked, signal);
      return;
    }
    const { busMessages } = await import('./bus-messages.ts');
    let heard = false;
    for await (const one of busMessages(this, job, { ...asked, streams: ['logs'] }, signal)) {
      // Without the bus, the pod logs have at least what the pods said since they started.
      if (one.type === 'Away' && !heard) {
        yield { type: 'Away', why: `${one.why}; reading the pods` };
        yield* podLogs(this.kube, job, asked, signal);
        return;
      }
      heard = true;
      yield one;
    }
  }

  events(job: Job, signal: AbortSignal): Promise<readonly JobEvent[]> {
    return jobEvents(this.kube, job, signal);
  }

  async surroundings(job: Job, signal: AbortSignal): Promise<Surroundings> {
    const { surroundingsOf } = await import('./surroundings.ts');
    return surroundingsOf(this, job, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kube[Symbol.asyncDispose]();
  }
}
