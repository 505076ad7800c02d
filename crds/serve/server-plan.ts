// What the role `plan-server` is asked, in `serve.json` too, and what it answers: the memory of a
// server before anything is loaded.
import * as z from 'zod';
import { serveSettings } from './settings.ts';

export const serverPlanFile = 'server-plan.json';

export const planSettings = serveSettings.extend({
  /** What there is; the memory of the machine or device when absent. */
  limitBytes: z.int().min(1).optional(),
});

export type PlanSettings = z.output<typeof planSettings>;

const bytes = z.int().min(0);

export const serverPlan = z.object({
  version: z.literal(1),
  /** The base in words. */
  source: z.string(),
  adapters: z.array(z.object({ name: z.string(), bytes })),
  /** Why an adapter is not counted. */
  refused: z.array(z.object({ name: z.string(), reason: z.string() })),
  /** Pages of keys and values, and tokens that they have room for. */
  pages: bytes,
  tokens: bytes,
  parts: z.object({ weights: bytes, cache: bytes, adapters: bytes, work: bytes }),
  peak: bytes,
  limit: bytes,
  fits: z.boolean(),
});

export type ServerPlan = z.output<typeof serverPlan>;
