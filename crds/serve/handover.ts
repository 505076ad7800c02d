// What vLLM is given of a server: before it starts, an init container of ours puts the base in
// place, looks at every adapter, and writes the arguments that follow from them.
import * as z from 'zod';
import { podPath } from '../wire/pod.ts';
import { placedAdapter } from './adapter-list.ts';
import { serveSettings } from './settings.ts';

export const handoverFile = 'handover.json';
export const handedOverFile = 'handed-over.json';

export const handoverSettings = serveSettings
  .pick({ version: true, model: true, folder: true, cache: true, volumes: true })
  .extend({
    adapters: z.array(placedAdapter),
    anyBase: serveSettings.shape.anyBase,
    /** Of the base, in requests. */
    name: serveSettings.shape.name,
    /** Tokens of a prompt and its answer. */
    context: z.int().min(2),
    /** Sequences that are decoded together. */
    together: z.int().min(1),
    /** Over which vLLM splits the model. */
    devices: z.int().min(1),
  });

export type HandoverSettings = z.output<typeof handoverSettings>;

const refusedAdapter = z.object({ name: z.string(), reason: z.string() });
type RefusedAdapter = z.output<typeof refusedAdapter>;

export const handedOver = z.object({
  /** Folder of the base. */
  model: z.string(),
  /** Of `vllm serve`, behind those that the operator knows. */
  arguments: z.array(z.string()),
  refused: z.array(refusedAdapter),
});

/** Where both containers find them. */
export const handoverPath = {
  folder: `${podPath.scratch}/vllm`,
  /** Link to the base. */
  model: `${podPath.scratch}/vllm/model`,
  /** One a line. */
  arguments: `${podPath.scratch}/vllm/arguments`,
} as const;

/** JSON of what an init container needs to know. */
export const podHandover = handoverSettings.omit({ version: true, folder: true, cache: true });
export type PodHandover = z.output<typeof podHandover>;

/** What the init container leaves as its termination message: which adapters vLLM does not get. */
export const leftOut = z.object({ refused: z.array(refusedAdapter) });

/** Kubelet keeps as many bytes. */
const mostBytes = 4096;
const longestReason = 400;

/** As many of them as fit. */
export function leftOutText(refused: readonly RefusedAdapter[]): string {
  const textOf = (some: readonly RefusedAdapter[]) => JSON.stringify({ refused: some });
  const short = refused.map(({ name, reason }) => ({
    name,
    reason: reason.slice(0, longestReason),
  }));
  while (Buffer.byteLength(textOf(short)) > mostBytes) short.pop();
  return textOf(short);
}
