// Loaded into AVA's own process: at its end, when it has waited for those of the test files, it
// tells the processor time of all of them. AVA hands this import on to those, and they to threads
// of theirs, where the stream is another: the one by which a test file talks to AVA.
import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { processorSecondsOf } from './processor-time.ts';

/** The stream after those of all processes. */
const stream = 3;

const isOfAva = isMainThread && process.argv[1]?.endsWith('/ava/entrypoints/cli.mjs') === true;
if (isOfAva) {
  process.once('exit', () => {
    writeSync(stream, String(processorSecondsOf('self') ?? ''));
  });
}
