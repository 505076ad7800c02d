// A tokenising thread: creates an encoder from the rules it was started with, then encodes batch by
// batch.
import { parentPort, workerData } from 'node:worker_threads';
import { encoderOf } from './encoder-of.ts';
import type { ThreadRules } from './tokenise.ts';
import { type Batch, buffersOf, encodeBatch } from './tokenise-batch.ts';

// Only tokenise.ts starts this thread, with this data.
const { rules, limits } = workerData as ThreadRules;
const encode = encoderOf(rules);

parentPort?.on('message', (batch: Batch) => {
  const encoded = encodeBatch(batch, encode, limits);
  parentPort?.postMessage(encoded, 'stuckAt' in encoded ? [] : buffersOf(encoded));
});
