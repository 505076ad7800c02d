/**
 * The steps of a job, one at a time, and nothing besides: no evaluation, checkpoint or result.
 * Tokens are drawn, since neither memory nor time depends on them; nor do they on the gradient that
 * an adapter begins with, for which the weight stands.
 */
import { type FineTuneJobSpec, fineTuneJob } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { type MemoryPlan, planMemory } from '../../../crds/plan/memory.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import type { ModelFiles } from '../../../worker/decoder/model-files.ts';
import { adaptedLayers } from '../../../worker/engine/adapted-layers.ts';
import { type BuildOptions, buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { type HostSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import { Updater } from '../../../worker/engine/update.ts';
import type { Adapter, LinearLayer } from '../../../worker/methods/adapters/adapter.ts';
import {
  buildOptionsOf,
  optimizerOf,
  precisionOf,
  selectionOf,
} from '../../../worker/methods/index.ts';
import { grown } from '../../../worker/methods/selection/selection.ts';
import { OptimizerStates } from '../../../worker/sharding/optimizer-states.ts';
import { wholeShards } from '../../../worker/sharding/shards.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';
import type { Tensor } from '../../../worker/tensor/tensor.ts';
import { freeMemory } from '../../../worker/train/free-memory.ts';
import { step } from '../../../worker/train/step.ts';

const tokens = 512;
/** About as many as of the demo's conversations. */
const targetCount = 328;

export interface StepTime {
  readonly wallMs: number;
  readonly processorMs: number;
}

export interface StepRunner extends Disposable {
  readonly plan: MemoryPlan;
  next(): StepTime;
}

/** Of the job of a file. */
export function stepRunner(document: object, files: ModelFiles): StepRunner {
  const { spec } = fineTuneJob.parse(document);
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
  using unfinished = new DisposableStack();
  const rate = Number(spec.training.learningRate);
  const model = builtModel(spec, files);
  unfinished.use(model.parameters);
  const optimizer = optimizerOf(method, rate);
  const shards = wholeShards(model.parameters, 'trained');
  const states = unfinished.use(new OptimizerStates(shards, optimizer));
  const updater = new Updater(optimizer, states.byName, { mode, norm: Number(norm) });
  const selection = selectionOf(method, model.parameters, 1n);
  let stepCounts = selection.stepCounts(0, {});
  let index = 0;
  const held = unfinished.move();
  return {
    plan,
    next() {
      stepCounts = selection.stepCounts(index, stepCounts);
      const [began, before] = [performance.now(), process.cpuUsage()];
      states.follow(stepCounts);
      const batch = Array.from({ length: sequences }, (_, at) =>
        drawnSequence(files.config.V, index * sequences + at),
      );
      const active = selection.at(index);
      const at = index;
      scope(() => {
        step({
          ...{ model, active, modes: plan.blocks, targetTokens: sequences * targetCount },
          sequences: batch.map((sequence) => toSequence(model, sequence)),
          update: updater.begin({
            learningRate: rate,
            count: ({ layer }) => (stepCounts[layer] ?? 0) + 1,
            stream: (name) => streamOf(0n, 'update', name, at),
          }),
          draw: ({ key }) => ({ seed: 0n, step: at, key }),
        });
      });
      stepCounts = grown(stepCounts, active);
      index += 1;
      const { user, system } = process.cpuUsage(before);
      return { wallMs: performance.now() - began, processorMs: (user + system) / 1000 };
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** With what its adapter begins with, none of which is left but in it. */
function builtModel(spec: FineTuneJobSpec, files: ModelFiles): Model {
  const method = resolveMethod(spec.method);
  const precision = precisionOf(method, {
    ...{ seed: BigInt(spec.training.seed), blocks: files.config.L },
  });
  const options: BuildOptions = { ...buildOptionsOf(spec, method), precision };
  const { adapter } = options;
  using factors = new DisposableStack();
  const byName = new Map<string, Tensor>();
  const layers = adapter?.decompose === undefined ? [] : adaptedLayers(files.config, adapter);
  for (const layer of layers) {
    const found = decomposed(files, adapter, layer, Number(spec.training.learningRate));
    for (const [suffix, tensor] of Object.entries(found)) {
      byName.set(`${layer.path}.${suffix}`, factors.use(tensor));
    }
  }
  const initial = (name: string): Tensor => {
    const tensor = byName.get(name);
    if (tensor === undefined) throw new RangeError(`${name} is nothing that weights alone give`);
    return tensor;
  };
  return buildModel(modelSource(files), { ...options, initial });
}

function decomposed(
  files: ModelFiles,
  adapter: Adapter | null,
  layer: LinearLayer,
  learningRate: number,
): Readonly<Record<string, Tensor>> {
  return scope(() => {
    const weight = modelSource(files).load(`${layer.path}.weight`, 'float32');
    const none = (): never => {
      throw new RangeError(`${adapter?.name} begins with activations`);
    };
    const origin = {
      ...{ weight: () => weight, gradient: () => weight, components: none },
      ...{ importance: () => null, quantized: null, learningRate },
    };
    const found = adapter?.decompose?.(layer, origin) ?? {};
    for (const tensor of Object.values(found)) keep(tensor);
    return found;
  }, 'cpu');
}

/** One document. */
function drawnSequence(vocabulary: number, index: number): HostSequence {
  const draws = drawsOf(streamOf(0n, 'tokens', index));
  const ids = Int32Array.from({ length: tokens }, () => draws.below(vocabulary));
  const labels = Int32Array.from(ids, (_, at) => (at < targetCount ? (ids[at + 1] ?? 0) : -100));
  const positions = Int32Array.from(ids, (_, at) => at);
  return { ids, labels, positions, offsets: Int32Array.of(0, tokens), targetCount, key: index };
}
