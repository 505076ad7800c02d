/**
 * Steps of several jobs in one process, in turn, so that each stands beside those of the others
 * whatever else the machine does. Reads a request from standard input, writes one line of JSON.
 */

import { text } from 'node:stream/consumers';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { trimMemory } from '../../../worker/tensor/memory.ts';
import { inTurn } from '../turns.ts';
import type { TurnsRequest, TurnsResult } from './equal-rank.ts';
import { stepRunner } from './step-runner.ts';

const request = JSON.parse(await text(process.stdin)) as TurnsRequest;
using files = openModel(request.model);
using all = new DisposableStack();
const runners = request.jobs.map(({ name, document }) => {
  const runner = all.use(stepRunner(document, files));
  return { name, runner };
});
trimMemory();
const rounds = Array.from({ length: request.steps }, (_, round) =>
  Object.fromEntries(inTurn(runners, round).map(({ name, runner }) => [name, runner.next()])),
);
const result: TurnsResult = { rounds };
process.stdout.write(`${JSON.stringify(result)}\n`);
