// What `anneal serve` asks of the process that holds the model: `serve.json`, in the folder that
// both share for as long as the server runs.
import * as z from 'zod';
import { model } from '../api/model.ts';
import { deviceName } from '../wire/device.ts';
import { listedAdapter } from './adapter-list.ts';
import { composition } from './compositions.ts';
import { servedName } from './served-name.ts';

export const serveFile = 'serve.json';

export const serveSettings = z.object({
  version: z.literal(1),
  /** Of the base, in requests. */
  name: servedName,
  model,
  /** Folder that relative local paths count from. */
  folder: z.string(),
  cache: z.string(),
  /** Folder by claim, where claims are mounted. */
  volumes: z.record(z.string(), z.string()).default({}),
  device: deviceName,
  threads: z.int().min(1),
  /** Of the residual stream and the cache. */
  dtype: z.enum(['float32', 'bfloat16']),
  adapters: z.array(listedAdapter),
  /** Folder whose folders are adapters by their names, looked at while the server runs. */
  adaptersIn: z.string().optional(),
  /**
   * File that says which adapters there are (adapter-list.ts), looked at while the server runs; in
   * place of `adaptersIn`.
   */
  adapterList: z.string().optional(),
  /** Of adapters, those that come later among them. */
  compositions: z.array(composition),
  /** Whether adapters that do not name the base that they were trained on are served. */
  anyBase: z.boolean(),
  limits: z.object({
    /** Sequences that are decoded together: a request has one, or one for each part of a mean. */
    together: z.int().min(1).max(1024),
    /** Tokens of a prompt and its answer. */
    context: z.int().min(2),
    /** Bytes of keys and values. */
    cacheBytes: z.int().min(1),
    /** Of a request that does not say. */
    maxTokens: z.int().min(1),
  }),
});

export type ServeSettings = z.output<typeof serveSettings>;
