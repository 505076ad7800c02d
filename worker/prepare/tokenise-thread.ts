// A tokenising thread: creates an encoder from the rules it was started with, then encodes batch by
// batch.
import { parentPort, workerData } from 'node:worker_threads';
import { createEncoder } from './encode-sample.ts';
import type { ThreadRules } from './tokenise.ts';
import { type Batch, encodeBatch } from './tokenise-batch.ts';

// Only tokenise.ts starts this thread, with this data.
const { rules, limits } = workerData as ThreadRules;
const encode = createEncoder(rules);

parentPort?.on('message', (batch: Batch) => {
  const encoded = encodeBatch(batch, encode, limits);
  const moved = 'stuckAt' in encoded ? [] : [encoded.ids.buffer, encoded.marks.buffer];
  parentPort?.postMessage(encoded, moved);
});
