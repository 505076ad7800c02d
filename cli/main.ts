#!/usr/bin/env node
// The command `anneal`: hands the arguments and the streams to the command table, and nothing else.
import { basename } from 'node:path';
import { run } from './program.ts';

// React looks at it when the first screen is loaded: without a word it is the slower one for developers.
process.env['NODE_ENV'] ??= 'production';

process.exitCode = await run(process.argv, {
  variables: { ...process.env, ANNEAL_STARTED_AS: basename(process.argv[1] ?? '') },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
