// node one-step.ts NAME FOLDER RESULT [emulated] [sample]: runs one step, and writes what it found.
import { writeFile } from 'node:fs/promises';
import { steps } from './step.ts';

const [name = '', folder = '', result = '', ...flags] = process.argv.slice(2);
const step = steps[name];
if (step === undefined) throw new RangeError(`there is no step ${name}`);
const ended = new AbortController();
process.once('SIGTERM', () => ended.abort());
const run = await step.load();
const found = await run({
  folder,
  isEmulated: flags.includes('emulated'),
  isSample: flags.includes('sample'),
  signal: ended.signal,
});
await writeFile(result, JSON.stringify(found));
