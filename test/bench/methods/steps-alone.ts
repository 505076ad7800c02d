/**
 * Steps of a job in a process of its own, and nothing besides: no evaluation, checkpoint or result.
 * Tokens are drawn, since neither memory nor time depends on them. Reads a request from standard
 * input, writes one line of JSON.
 */

import { text } from 'node:stream/consumers';
import { type FineTuneJobSpec, fineTuneJob } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { planMemory } from '../../../crds/plan/memory.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { type ModelFiles, openModel } from '../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { toSequence } from '../../../worker/engine/packed-sequence.ts';
import { Updater } from '../../../worker/engine/update.ts';
import {
  buildOptionsOf,
  optimizerOf,
  precisionOf,
  selectionOf,
} from '../../../worker/methods/index.ts';
import { grown } from '../../../worker/methods/selection/selection.ts';
import { OptimizerStates } from '../../../worker/sharding/optimizer-states.ts';
import { wholeShards } from '../../../worker/sharding/shards.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import { freeMemory } from '../../../worker/train/free-memory.ts';
import { step } from '../../../worker/train/step.ts';
import type { AloneRequest, AloneResult } from './alone.ts';

const tokens = 512;
/** About as many as of the demo's conversations. */
const targetCount = 328;

const request = JSON.parse(await text(process.stdin)) as AloneRequest;
using files = openModel(request.model);
const { spec } = fineTuneJob.parse(request.document);
process.stdout.write(`${JSON.stringify(runSteps(spec, files, request.steps))}\n`);

function runSteps(spec: FineTuneJobSpec, files: ModelFiles, count: number): AloneResult {
  const method = resolveMethod(spec.method);
  const { mode, norm } = spec.training.gradientClip;
  const sequences = spec.training.globalBatchSize ?? 1;
  const plan = planMemory({
    facts: decoderConfig(files.config),
    ...{ method, storedBfloat16: files.storedBfloat16, clip: mode },
    ...{ microBatchTokens: tokens, perWave: sequences, waves: 1, shards: 1 },
    recomputation: spec.parallelism.activationRecomputation ?? 'Auto',
    targetShare: targetCount / tokens,
    device: { type: 'cpu', bytes: freeMemory() },
  });
  const precision = precisionOf(method, {
    ...{ seed: BigInt(spec.training.seed), blocks: files.config.L },
  });
  const model = buildModel(modelSource(files), { ...buildOptionsOf(spec, method), precision });
  using _parameters = model.parameters;
  const rate = Number(spec.training.learningRate);
  const optimizer = optimizerOf(method, rate);
  using states = new OptimizerStates(wholeShards(model.parameters, 'trained'), optimizer);
  const updater = new Updater(optimizer, states.byName, { mode, norm: Number(norm) });
  const selection = selectionOf(method, model.parameters, 1n);
  trimMemory();
  let stepCounts = selection.stepCounts(0, {});
  const steps = Array.from({ length: count }, (_, index) => {
    stepCounts = selection.stepCounts(index, stepCounts);
    const [began, before] = [performance.now(), process.cpuUsage()];
    states.follow(stepCounts);
    const batch = Array.from({ length: sequences }, (_, at) =>
      drawnSequence(files.config.V, index * sequences + at),
    );
    const active = selection.at(index);
    scope(() => {
      const outcome = step({
        ...{ model, active, modes: plan.blocks, targetTokens: sequences * targetCount },
        sequences: batch.map((sequence) => toSequence(model, sequence)),
        update: updater.begin({
          learningRate: rate,
          count: ({ layer }) => (stepCounts[layer] ?? 0) + 1,
          stream: (name) => streamOf(0n, 'update', name, index),
        }),
        draw: ({ key }) => ({ seed: 0n, step: index, key }),
      });
      return outcome.sums['loss'] ?? Number.NaN;
    });
    stepCounts = grown(stepCounts, active);
    const { user, system } = process.cpuUsage(before);
    return { wallMs: performance.now() - began, processorMs: (user + system) / 1000 };
  });
  return { steps, peak: memoryStatistics().residentPeakBytes, predicted: plan };
}

/** One document. */
function drawnSequence(vocabulary: number, index: number): HostSequence {
  const draws = drawsOf(streamOf(0n, 'tokens', index));
  const ids = Int32Array.from({ length: tokens }, () => draws.below(vocabulary));
  const labels = Int32Array.from(ids, (_, at) => (at < targetCount ? (ids[at + 1] ?? 0) : -100));
  const positions = Int32Array.from(ids, (_, at) => at);
  return { ids, labels, positions, offsets: Int32Array.of(0, tokens), targetCount, key: index };
}
