#!/usr/bin/env node
// The command `anneal`: passes arguments and streams to the program.
import { basename } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { run } from './program.ts';

// React reads it when the first screen loads; unset, it uses its slower development build.
process.env['NODE_ENV'] ??= 'production';
// V8: a young generation of 1 MiB instead of 48, and an old generation that grows by a fifth
// between collections. A screen of 500 jobs takes 120 MiB instead of 175, and 135 instead of 190
// while jobs change.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');
setFlagsFromString('--optimize-for-size');
// The memory reducer of V8 collects twice when the process is idle: half a second of processor
// time, some eight seconds after the start.
setFlagsFromString('--no-memory-reducer');
// Maglev, the mid-tier compiler of V8, keeps some 20 MiB in its threads and makes no screen faster.
setFlagsFromString('--no-maglev');

// A closed pipe, as after `head`, is not an error: the reader needs no more output.
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
