// What a pod that serves finds around it. The operator sets it, the program of the pod reads it.
import * as z from 'zod';
import { serveSettings } from './settings.ts';

/** JSON of `podServing`: what a pod cannot change while it runs. */
export const servingVariable = 'ANNEAL_SERVING';

export const podServing = serveSettings
  .omit({ version: true, folder: true, cache: true, threads: true, adapters: true })
  .extend({ queue: z.int().min(0) });

export type PodServing = z.output<typeof podServing>;

/** The list of adapters, which does change: a file of a ConfigMap. */
export const listPath = { folder: '/etc/anneal/adapters', file: 'adapters.json' } as const;

export const servingPort = 8000;

/** Of the process that answers HTTP, beside the one with the model. */
export const edgeBytes = 128 * 2 ** 20;

/**
 * Milliseconds in which a pod that is to end still answers new requests, on connections that it
 * then closes: as long as its address may be known to those who ask, and longer than a connection
 * may be idle.
 */
export const lingerMs = 10_000;
