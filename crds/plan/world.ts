// Who is who: workers and devices become ranks. Ranks of one node stand together, so that groups
// that exchange much stay inside a node.
import type { Parallelism } from '../api/parallelism.ts';
import type { Worker } from '../api/worker.ts';
import { invariant } from '../failures/errors.ts';

export interface Member {
  /** Index of the worker pod. */
  readonly index: number;
  readonly node: string;
  /** Rack, block or zone; empty when unknown. */
  readonly domain: string;
  /** Devices of the worker; 0 is one rank on the CPU. */
  readonly devices: number;
}

interface Rank {
  readonly rank: number;
  /** Index of the worker pod. */
  readonly worker: number;
  /** Number of the device inside the worker. */
  readonly device: number;
}

interface World {
  readonly ranks: readonly Rank[];
  /** Of each sequence, tensorSize x contextSize x pipelineSize ranks share the work. */
  readonly dataParallelSize: number;
}

/** Order: domain, node, worker, device. */
export function formWorld(members: readonly Member[], parallelism: Parallelism): World {
  const ordered = [...members].sort(
    (a, b) => compare(a.domain, b.domain) || compare(a.node, b.node) || a.index - b.index,
  );
  const ranks = ordered.flatMap(({ index, devices }) =>
    Array.from({ length: trainersOfPod(devices) }, (_, device) => ({ worker: index, device })),
  );
  const shared = parallelism.tensorSize * parallelism.contextSize * parallelism.pipelineSize;
  invariant(
    ranks.length % shared === 0,
    `${ranks.length} ranks cannot be divided into groups of ${shared}`,
  );
  return {
    ranks: ranks.map((each, rank) => ({ rank, ...each })),
    dataParallelSize: ranks.length / shared,
  };
}

/** A pod trains with one process for each of its devices, or with one on the processor. */
export function trainersOfPod(devices: number): number {
  return Math.max(1, devices);
}

/** Of a job that may train with less than it asks for, the least. */
export function fewestWorkers({
  replicas,
  elasticity,
  minReplicas = replicas,
}: Pick<Worker, 'replicas' | 'elasticity' | 'minReplicas'>): number {
  return elasticity === 'None' ? replicas : minReplicas;
}

/** Of the smallest world that the job may train with. */
export function fewestRanks(
  worker: Pick<Worker, 'replicas' | 'elasticity' | 'minReplicas' | 'devicesPerWorker'>,
): number {
  return fewestWorkers(worker) * trainersOfPod(worker.devicesPerWorker);
}

/** The world that a job asks for, before anybody knows its nodes. */
export function plannedWorld(worker: Worker, parallelism: Parallelism): World {
  const members = Array.from({ length: worker.replicas }, (_, index) => ({
    index,
    node: '',
    domain: '',
    devices: worker.devicesPerWorker,
  }));
  return formWorld(members, parallelism);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
