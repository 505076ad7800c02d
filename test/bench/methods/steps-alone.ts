/**
 * Steps of a job in a process of its own. Reads a request from standard input, writes one line of
 * JSON.
 */

import { text } from 'node:stream/consumers';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { memoryStatistics, resetMemoryPeaks, trimMemory } from '../../../worker/tensor/memory.ts';
import type { AloneRequest, AloneResult } from './alone.ts';
import { stepRunner } from './step-runner.ts';

const request = JSON.parse(await text(process.stdin)) as AloneRequest;
using files = openModel(request.model);
using runner = stepRunner(request.document, files);
trimMemory();
resetMemoryPeaks();
const steps = Array.from({ length: request.steps }, () => runner.next());
const result: AloneResult = {
  ...{ steps, peak: memoryStatistics().residentPeakBytes, predicted: runner.plan },
};
process.stdout.write(`${JSON.stringify(result)}\n`);
