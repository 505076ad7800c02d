// What a decision needs and no informer holds: asked of the API server only in the rare states
// where it matters.
import { childName } from '../../crds/names/child-names.ts';
import { isStatus } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/client.ts';
import { isNamespaceDeleted } from '../runtime/deleted-namespace.ts';
import { newestWarning, type Warning } from '../runtime/warnings.ts';
import type { Facts } from './facts.ts';
import { keptPodsSince } from './leave-namespace.ts';
import { batchJobs } from './observed/batch-job.ts';
import { configMaps } from './observed/child-object.ts';
import { silentObjects } from './silent-objects.ts';

/** Reconciles may come in a row; what was told a moment ago still holds. */
const warningMs = 15_000;

interface Known {
  readonly warning: Warning | undefined;
  readonly until: number;
}

export class Questions {
  readonly #client: KubeClient;
  readonly #warnings = new Map<string, Known>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /**
   * The facts with the answers; undefined where one informer is behind another, so that nothing can
   * be decided yet.
   */
  async answered(facts: Facts, signal: AbortSignal): Promise<Facts | undefined> {
    if (await this.#workersAreUnseen(facts, signal)) return undefined;
    const namespaceIsDeleted = await this.#isNamespaceDeleted(facts, signal);
    return { ...facts, namespaceIsDeleted, warnings: await this.#warningsOf(facts, signal) };
  }

  /**
   * Status names a worker Job that our informer does not have. Somebody deleted it, or, after a
   * change of leaders, the watch of Jobs is behind that of FineTuneJobs: only the API server knows.
   */
  async #workersAreUnseen({ job, workers }: Facts, signal: AbortSignal): Promise<boolean> {
    const { jobRef, workerRevision = 1 } = job.status;
    if (jobRef === undefined || jobRef.name !== childName.workers(job.name, workerRevision))
      return false;
    if (workers.some(({ name }) => name === jobRef.name)) return false;
    try {
      const at = { namespace: job.namespace, name: jobRef.name };
      const { metadata } = await this.#client.get(batchJobs, at, signal);
      return metadata.uid === jobRef.uid && metadata.deletionTimestamp === undefined;
    } catch (error) {
      if (isStatus(error, 404)) return false;
      throw error;
    }
  }

  async #isNamespaceDeleted(facts: Facts, signal: AbortSignal): Promise<boolean | undefined> {
    const since = keptPodsSince(facts);
    if (since === undefined || since > facts.now) return undefined;
    return isNamespaceDeleted(this.#client, configMaps, facts.job.namespace, signal);
  }

  async #warningsOf(facts: Facts, signal: AbortSignal): Promise<ReadonlyMap<string, Warning>> {
    const { now, job } = facts;
    for (const [uid, { until }] of this.#warnings) if (until <= now) this.#warnings.delete(uid);
    const found = new Map<string, Warning>();
    for (const uid of silentObjects(facts)) {
      const { namespace } = job;
      const known = this.#warnings.get(uid);
      const warning =
        known === undefined
          ? await newestWarning(this.#client, { namespace, uid }, signal)
          : known.warning;
      if (known === undefined) this.#warnings.set(uid, { warning, until: now + warningMs });
      if (warning !== undefined) found.set(uid, warning);
    }
    return found;
  }
}
