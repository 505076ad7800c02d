/**
 * Our half of `npm run bench -- train`: the step of the product on given rows of tokens. Reads one
 * JSON request from standard input and writes one JSON line, both as `peer_step.py` does.
 */

import { freemem } from 'node:os';
import { text } from 'node:stream/consumers';
import { method as methodSchema } from '../../../crds/api/method.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { planMemory } from '../../../crds/plan/memory.ts';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import { type HostSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import { Updater } from '../../../worker/engine/update.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { dtypeOf, optimizerOf, selectionOf } from '../../../worker/methods/index.ts';
import { OptimizerStates } from '../../../worker/sharding/optimizer-states.ts';
import { wholeShards } from '../../../worker/sharding/shards.ts';
import { memoryStatistics, trimMemory } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { step } from '../../../worker/train/step.ts';
import type { StepRequest, StepResult, TokenRows } from './request.ts';

const request = JSON.parse(await text(process.stdin)) as StepRequest;
const result = runSteps(request);
process.stdout.write(`${JSON.stringify(result)}\n`);

function runSteps(request: StepRequest): StepResult {
  setThreads(request.threads);
  const method = methodFor(request);
  using files = openModel(request.model);
  const batches = request.batches.map(toHostSequence);
  const tokens = Math.max(...batches.map(({ ids }) => ids.length));
  const dtype = dtypeOf(method);
  const sequenceLength = request.batches[0]?.ids[0]?.length ?? 1;
  const adapter = adapterOf(method, 1n, dtype);
  const model = buildModel(modelSource(files), { dtype, adapter, sequenceLength });
  using _parameters = model.parameters;
  trimMemory();
  const optimizer = optimizerOf(method, 1e-4);
  using states = new OptimizerStates(wholeShards(model.parameters, 'trained'), optimizer);
  const clip = {
    mode: request.clip === null ? ('None' as const) : ('Global' as const),
    norm: request.clip ?? 1,
  };
  const updater = new Updater(optimizer, states.byName, clip);
  const selection = selectionOf(method, model.parameters, 1n);
  states.follow(selection.stepCounts(0, {}));
  const plan = planMemory({
    facts: decoderConfig(files.config),
    method,
    storedBfloat16: files.storedBfloat16,
    microBatchTokens: tokens,
    perWave: 1,
    waves: 1,
    shards: 1,
    clip: clip.mode,
    recomputation: request.recompute ? 'Full' : 'None',
    targetShare: Math.max(...batches.map(({ targetCount }) => targetCount)) / tokens,
    device: { type: 'cpu', bytes: freemem() },
  });
  const modes = plan.blocks.map((mode) => (mode === 'keep' ? 'keep' : 'recompute'));
  const steps = Array.from({ length: request.steps }, (_, index) => {
    const host = batches[index % batches.length];
    if (host === undefined) throw new RangeError('no batches');
    const wall = performance.now();
    const processor = process.cpuUsage();
    const { loss, norm } = scope(() => {
      const outcome = step({
        model,
        sequences: [toSequence(model, host)],
        targetTokens: host.targetCount,
        active: selection.at(index),
        modes,
        update: updater.begin({
          learningRate: request.learning_rate,
          count: () => index + 1,
          stream: (name) => streamOf(0n, 'update', name, index),
        }),
        draw: (sequence) => ({ seed: 0n, step: index, key: sequence.key }),
      });
      return {
        loss: (outcome.sums['nll'] ?? Number.NaN) / host.targetCount,
        norm: outcome.gradientNorm,
      };
    });
    const { user, system } = process.cpuUsage(processor);
    return {
      loss,
      norm,
      wall: (performance.now() - wall) / 1000,
      processor: (user + system) / 1e6,
    };
  });
  return {
    steps,
    peak: memoryStatistics().residentPeakBytes,
    predicted: plan.peak,
    trained: model.parameters.trained().reduce((sum, { value }) => sum + value.numel, 0),
  };
}

function methodFor({ method, dtype, rank, alpha, optimizer: wanted }: StepRequest) {
  const optimizer =
    wanted === 'AdamWBFloat16'
      ? { type: 'AdamW', adamW: { moments: 'BFloat16' } }
      : { type: wanted };
  const precision =
    dtype === 'float32'
      ? { type: 'Float32' }
      : // The peer keeps no float32 master weights either.
        { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } };
  const written =
    method === 'full'
      ? { preset: 'Full', precision, optimizer }
      : {
          precision,
          optimizer,
          adapter: { type: 'LoRA', lora: { rank, alpha: String(alpha) } },
        };
  return resolveMethod(methodSchema.parse(written));
}

/** Rows back to back, as the loader packs documents; labels move one to the left. */
function toHostSequence({ ids, labels }: TokenRows, key: number): HostSequence {
  const length = ids[0]?.length ?? 0;
  const shifted = labels.flatMap((row) => [...row.slice(1), ignored]);
  return {
    ids: Int32Array.from(ids.flat()),
    labels: Int32Array.from(shifted),
    positions: Int32Array.from(ids.flatMap((row) => row.map((_, position) => position))),
    offsets: Int32Array.from({ length: ids.length + 1 }, (_, row) => row * length),
    targetCount: shifted.filter((label) => label !== ignored).length,
    key,
  };
}
