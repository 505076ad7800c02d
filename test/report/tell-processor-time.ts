// Loaded into AVA's own process: at its end, when it has waited for those of the test files, it
// tells the processor time of all of them.
import { writeSync } from 'node:fs';
import { processorSecondsOf } from './processor-time.ts';

/** The stream after those of all processes. */
const stream = 3;

process.once('exit', () => {
  writeSync(stream, String(processorSecondsOf('self') ?? ''));
});
