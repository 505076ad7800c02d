// What a trainer that is one of several is told when it is started: its rank, and the address of
// the rendezvous. Whoever starts trainers writes it into the environment of each; a trainer without
// it trains by itself.
import * as z from 'zod';
import { deviceName } from './device.ts';

export const memberVariable = 'ANNEAL_MEMBER';

export const memberRecord = z.object({
  /** Of the process group: no other group has ever had it. */
  group: z.string().min(1),
  /** Number of the rendezvous round: 1 for the first of this run. */
  round: z.int().min(1),
  rank: z.int().min(0),
  size: z.int().min(1),
  /** Where rank 0 serves the store by which they find each other. */
  store: z.object({ host: z.string(), port: z.int().min(1).max(65_535) }),
  /** Of this machine, as the others reach it. */
  address: z.string(),
  /** Trainers that share the memory of this machine. */
  neighbours: z.int().min(1),
  /** Its own, where several trainers share a machine. @default the one of the run record */
  device: deviceName.optional(),
  /** A trainer that is silent for so long is taken for lost. */
  timeoutMs: z.int().min(1),
  /** Why there is another round; absent in the first. */
  cause: z.string().optional(),
});

export type MemberRecord = z.output<typeof memberRecord>;
