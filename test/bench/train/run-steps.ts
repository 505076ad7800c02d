/** The steps of the product on given sequences, in this process, with their times and memory. */
import { freemem } from 'node:os';
import type { ResolvedMethod } from '../../../crds/index.ts';
import { planMemory } from '../../../crds/plan/memory.ts';
import type { ModelFiles } from '../../../worker/decoder/model-files.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
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
import { step } from '../../../worker/train/step.ts';
import type { StepResult } from './request.ts';

interface Steps {
  readonly files: ModelFiles;
  readonly method: ResolvedMethod;
  /** One for each step, over and over. */
  readonly batches: readonly HostSequence[];
  readonly sequenceLength: number;
  /** Of a model that hears: tokens of the sounds of a step. @default 0 */
  readonly soundTokens?: number;
  readonly learningRate: number;
  /** Largest gradient norm; null for no clipping. */
  readonly clip: number | null;
  readonly recompute: boolean;
  readonly count: number;
}

export function runSteps(steps: Steps): StepResult {
  const { files, method, batches, sequenceLength } = steps;
  const tokens = Math.max(...batches.map(({ ids }) => ids.length));
  const dtype = dtypeOf(method);
  const adapter = adapterOf(method, 1n, dtype);
  const model = buildModel(modelSource(files), { dtype, adapter, sequenceLength });
  using _parameters = model.parameters;
  trimMemory();
  const optimizer = optimizerOf(method, 1e-4);
  using states = new OptimizerStates(wholeShards(model.parameters, 'trained'), optimizer);
  const mode = steps.clip === null ? ('None' as const) : ('Global' as const);
  const updater = new Updater(optimizer, states.byName, { mode, norm: steps.clip ?? 1 });
  const selection = selectionOf(method, model.parameters, 1n);
  states.follow(selection.stepCounts(0, {}));
  const plan = planMemory({
    facts: factsOf(files.config, files.headers),
    method,
    storedBfloat16: files.storedBfloat16,
    microBatchTokens: tokens,
    soundTokens: steps.soundTokens ?? 0,
    perWave: 1,
    waves: 1,
    shards: 1,
    clip: mode,
    recomputation: steps.recompute ? 'Full' : 'None',
    targetShare: Math.max(...batches.map(({ targetCount }) => targetCount)) / tokens,
    device: { type: 'cpu', bytes: freemem() },
  });
  const modes = plan.blocks.map((one) => (one === 'keep' ? 'keep' : 'recompute'));
  const measured = Array.from({ length: steps.count }, (_, index) => {
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
          learningRate: steps.learningRate,
          count: () => index + 1,
          stream: (name) => streamOf(0n, 'update', name, index),
        }),
        draw: (sequence) => ({ seed: 0n, step: index, key: sequence.key }),
      });
      return {
        loss: (outcome.sums['loss'] ?? Number.NaN) / host.targetCount,
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
    steps: measured,
    peak: memoryStatistics().residentPeakBytes,
    predicted: plan.peak,
    trained: model.parameters.trained().reduce((sum, { value }) => sum + value.numel, 0),
  };
}
