#!/usr/bin/env node
// The command `anneal`: hands the arguments and the streams to the command table, and nothing else.
import { basename } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { run } from './program.ts';

// React looks at it when the first screen is loaded: without a word it is the slower one for
// developers.
process.env['NODE_ENV'] ??= 'production';
// Young objects may fill one MiB, not 48, before they are looked through, and the old ones grow by
// a fifth between two looks: a screen of 500 jobs then takes 120 MiB, not 175, and 135 instead of
// 190 while jobs change.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');
setFlagsFromString('--optimize-for-size');
// What is collected because nothing happens is two looks through all of it, half a second of
// processor some eight seconds after the start.
setFlagsFromString('--no-memory-reducer');
// The compiler between the quick one and the thorough one keeps some 20 MiB in the threads that it
// works in, and a screen is no faster by it.
setFlagsFromString('--no-maglev');

// Whoever reads has seen enough, as `head` has: nothing is wrong, and nobody hears what comes.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit();
  });
}

process.exitCode = await run(process.argv, {
  variables: { ...process.env, ANNEAL_STARTED_AS: basename(process.argv[1] ?? '') },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
