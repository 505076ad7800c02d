// What a command of one machine notes of its work, where that is no run of a job: a federation, a
// transfer, a generator of adapters.
import * as z from 'zod';
import { deviceName } from './device.ts';

/** SHA-256 in hexadecimal digits. */
export const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** The fields of each such record; a kind adds its `spec`. */
export const localWork = {
  version: z.literal(1),
  name: z.string(),
  namespace: z.string(),
  /** Folder that relative `local` paths count from. */
  folder: z.string(),
  /** Of what decides the result. */
  digest,
  /** Folders that stand for claims, by claim name. */
  volumes: z.record(z.string(), z.string()),
  cache: z.string(),
  device: deviceName,
  /** Of each process. */
  threads: z.int().min(1),
  createdAt: z.string(),
} as const;
