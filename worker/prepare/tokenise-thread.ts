// The thread that tokenises: makes an encoder from the rules it was started with, then answers batch by batch.
import { parentPort, workerData } from 'node:worker_threads';
import { createEncoder, type EncodingRules } from './encode-sample.ts';
import { type Batch, encodeBatch } from './tokenise-batch.ts';

// Only tokenise.ts starts this thread, and only with rules.
const encode = createEncoder(workerData as EncodingRules);

parentPort?.on('message', (batch: Batch) => {
  const encoded = encodeBatch(batch, encode);
  parentPort?.postMessage(encoded, [encoded.ids.buffer, encoded.learned.buffer]);
});
