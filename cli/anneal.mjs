#!/usr/bin/env node
// The command in a checkout: main.ts, with what Node.js made of the sources the last time. Stripping types costs more than
// half of the time of `anneal --help`; a release has plain JavaScript and starts main.js itself.
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('./main.ts');
