// Combinations that are refused, each with a sentence. Each part is valid alone, so the schema
// cannot express it; the job is refused here, before anything is fetched. `where` is a cluster or
// this machine.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { Worker } from '../api/worker.ts';
import type { FailureCode } from '../failures/table.ts';
import { adapterTypes, trainsRows } from '../methods/adapter-traits.ts';
import { choosesAll } from '../methods/diffora.ts';
import { fewBits, hasFewBits } from '../methods/few-bits.ts';
import { levelOf } from '../methods/halo-level.ts';
import { incrementOf, maxRankOf } from '../methods/incre-lora.ts';
import { projectionOf } from '../methods/projection.ts';
import { type ResolvedMethod, resolveMethod } from '../methods/resolve.ts';
import { resultsHitModel } from '../names/result-folders.ts';
import { sequencesPerStep } from '../plan/batches.ts';
import { storesFrozen } from '../plan/quantized-base.ts';
import { trainersOfPod } from '../plan/world.ts';
import { placedRules, printedJob } from '../tree/schema-tree.ts';
import { valueAt } from '../tree/value-at.ts';
import { expertPairs } from './experts.ts';
import { is, noForm, type Pair, type Where } from './pair.ts';
import { pairsOfAdapterFiles } from './pairs-of-adapter-files.ts';
import { pairsOfBeginnings } from './pairs-of-beginnings.ts';
import { pairsOfDistillation } from './pairs-of-distillation.ts';
import { pairsOfFullModules } from './pairs-of-full-modules.ts';
import { pairsOfGrids } from './pairs-of-grids.ts';
import { pairsOfNoTraining } from './pairs-of-no-training.ts';
import { pairsOfNoise } from './pairs-of-noise.ts';
import { pairsOfPlaces } from './pairs-of-places.ts';
import { pairsOfQuantization } from './pairs-of-quantization.ts';
import { pairsOfSearches } from './pairs-of-searches.ts';
import { pairsOfTasks } from './pairs-of-tasks.ts';
import { pairsOfTrajectories } from './pairs-of-trajectories.ts';
import { mostRanksInCel, sequencesInCel } from './workers-in-cel.ts';

export interface Incompatibility {
  readonly code: FailureCode;
  readonly path: readonly string[];
  readonly message: string;
  readonly hint?: string | undefined;
}

const lamdaTakes = `(${is('adapter', 'LaMDA')} && (!has(self.method.adapter) || !has(self.method.adapter.lamda) || !has(self.method.adapter.lamda.initialization) || self.method.adapter.lamda.initialization == 'Svd'))`;
const rowless = adapterTypes((entry) => entry.trainsRows === false);
const hasHeldOut = 'has(self.dataset.eval) || has(self.dataset.heldOut)';

export const pairs: readonly Pair[] = [
  ...pairsOfAdapterFiles,
  ...pairsOfFullModules,
  {
    id: 'frozen weights are quantized once',
    path: ['method', 'precision', 'type'],
    meets: (_, { adapter, precision }) => adapter.type === 'RandLoRA' && hasFewBits({ precision }),
    cel: `!${is('adapter', 'RandLoRA')} || !${is('precision', ...fewBits)}`,
    sentence: 'quantizes frozen weights once; RandLoRA changes them in each step',
    hint: 'write precision: { type: BFloat16 }, or another adapter such as LoRA',
  },
  {
    id: 'ranks by spectrum are those of decomposed weights',
    path: ['method', 'adapter', 'lamda', 'allocation'],
    meets: (_, { adapter }) =>
      adapter.type === 'LaMDA' &&
      adapter.lamda.allocation === 'Spectrum' &&
      adapter.lamda.initialization === 'LoRA',
    cel: `!has(self.method.adapter) || !has(self.method.adapter.lamda) || !has(self.method.adapter.lamda.allocation) || self.method.adapter.lamda.allocation != 'Spectrum' || ${lamdaTakes}`,
    sentence: 'is Spectrum, but initialization is LoRA, which decomposes no weight',
    hint: 'leave initialization out, or write allocation: Uniform',
  },
  {
    id: 'layers may have more ranks than one, and at least the mean',
    path: ['method', 'adapter', 'increLora', 'maxRank'],
    meets: (_, { adapter }) =>
      adapter.type === 'IncreLoRA' &&
      maxRankOf(adapter.increLora) <
        Math.max(adapter.increLora.rank, 1 + incrementOf(adapter.increLora)),
    sentence:
      'must be at least rank, the mean of all layers, and at least 1 + increment, since a layer begins with one rank',
    hint: 'leave maxRank and increment out, or set a larger maxRank',
  },
  {
    id: 'a search has layers to choose from',
    path: ['method', 'adapter', 'diffora'],
    meets: (_, { adapter }) => adapter.type === 'DiffoRA' && choosesAll(adapter.diffora),
    sentence: 'chooses all target layers of a block: there is nothing to search for',
    hint: 'name more targetModules or a smaller chosenShare, or write adapter: { type: LoRA }',
  },
  ...pairsOfBeginnings,
  {
    id: 'codes are written where there are some',
    path: ['output', 'formats'],
    meets: ({ output }, { base }) =>
      base.type !== 'Codebook' && output.formats?.includes('AQLM') === true,
    cel: `${is('base', 'Codebook')} || ${noForm('AQLM')}`,
    sentence: 'asks for AQLM, but method.base is not Codebook: there are no codes to write',
    hint: 'ask for MergedSafetensors, or write method.preset: PVTuning',
  },
  ...expertPairs,
  {
    id: 'results do not replace their model',
    code: 'E_INVALID_SPEC',
    path: ['output', 'destination'],
    meets: resultsHitModel,
    sentence:
      'is the location of the model: results would be mixed with its files, or replace them while they are read',
    hint: 'name a separate folder, such as out',
  },
  {
    id: 'a quantised base needs an adapter',
    path: ['method', 'base'],
    meets: (_, { adapter, base }) =>
      adapter.type === 'None' && base.type !== 'FakeQuantized' && storesFrozen(base),
    cel: `!${is('adapter', 'None')} || ${is('base', 'Dense', 'Codebook', 'FakeQuantized', 'AdaPT')}`,
    sentence:
      'stores frozen weights in fewer bits, but method.adapter is None: the weights themselves would be trained',
    hint: 'write method.adapter: { type: LoRA }, or method.base: { type: Dense }',
  },
  {
    id: 'codebooks are what trains',
    path: ['method', 'adapter', 'type'],
    meets: (_, { adapter, base }) => adapter.type !== 'None' && base.type === 'Codebook',
    cel: `${is('adapter', 'None')} || !${is('base', 'Codebook')}`,
    sentence:
      'trains beside frozen weights, but a Codebook base is trained itself, by its codes and vectors',
    hint: 'write adapter: { type: None }, or method.base: { type: NF4 }',
  },
  {
    id: 'codes and vectors are moved by PV-Tuning',
    path: ['method', 'base', 'type'],
    meets: (_, { base, optimizer }) => base.type === 'Codebook' && optimizer.type !== 'PVTuning',
    cel: `!${is('base', 'Codebook')} || ${is('optimizer', 'PVTuning')}`,
    sentence: 'is Codebook, and only the optimizer PVTuning trains codes',
    hint: 'write method.optimizer: { type: PVTuning }, or preset: PVTuning',
  },
  {
    id: 'PV-Tuning moves codes and vectors',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { base, optimizer }) => optimizer.type === 'PVTuning' && base.type !== 'Codebook',
    cel: `!${is('optimizer', 'PVTuning')} || ${is('base', 'Codebook')}`,
    sentence: 'is PVTuning, which trains codes and codebooks; method.base has none',
    hint: 'write method.base: { type: Codebook }, or another optimizer such as AdamW',
  },
  {
    id: 'weights are stored in one kind of codes',
    path: ['method', 'precision', 'bfloat16', 'trainedWeights'],
    meets: (_, { base, precision }) =>
      base.type === 'Codebook' &&
      precision.type === 'BFloat16' &&
      precision.bfloat16.trainedWeights === 'Int8',
    sentence: 'is Int8, but method.base stores the same weights as codes of codebooks',
    hint: 'leave it out',
  },
  {
    id: 'outliers are those of the weights in the files',
    path: ['method', 'selection', 'type'],
    meets: (_, { base, selection }) => base.type === 'Codebook' && selection.type === 'OwLore',
    cel: `!${is('base', 'Codebook')} || !${is('selection', 'OwLore')}`,
    sentence:
      'draws blocks by the outliers of their weights, which are counted before the weights are quantized',
    hint: 'write selection: { type: All } or { type: LISA }',
  },
  {
    id: 'products in few bits are of dense weights',
    path: ['method', 'base'],
    meets: (_, { base, precision }) => hasFewBits({ precision }) && base.type !== 'Dense',
    cel: `!${is('precision', ...fewBits)} || ${is('base', 'Dense')}`,
    sentence:
      'stores weights in fewer bits, but method.precision quantizes dense weights: they would be rounded twice',
    hint: 'write method.base: { type: Dense }, or method.precision: { type: BFloat16 }',
  },
  {
    id: 'level 3 reuses what the forward has made',
    path: ['method', 'precision', 'halo', 'backward'],
    meets: (_, { precision }) =>
      precision.type === 'HALO' &&
      precision.halo.backward === 'Textbook' &&
      levelOf(precision.halo) === 3,
    sentence: 'is Textbook, but level 3 reuses quantized values of the forward',
    hint: 'write backward: Reuse, or level: 2',
  },
  {
    id: 'S2FT has something to train',
    path: ['method', 'adapter', 's2ft'],
    meets: (_, { adapter }) =>
      adapter.type === 'S2FT' && Object.values(adapter.s2ft).every((ratio) => Number(ratio) === 0),
    sentence: 'has no ratio above 0: nothing would be trained',
    hint: 'leave downRatio out, or set another ratio',
  },
  ...pairsOfPlaces,
  ...pairsOfTasks,
  ...pairsOfDistillation,
  ...pairsOfTrajectories,
  ...pairsOfSearches,
  ...pairsOfNoise,
  ...pairsOfNoTraining,
  ...pairsOfGrids,
  ...pairsOfQuantization,
  {
    id: 'tokens are mixed in blocks of a power of two',
    path: ['method', 'precision', 'halo', 'tokenBlock'],
    meets: (_, { precision }) =>
      precision.type === 'HALO' && !Number.isInteger(Math.log2(precision.halo.tokenBlock)),
    sentence: 'must be a power of two, such as 256 or 1024',
  },
  {
    id: 'weights of blocks are for drawing by weights',
    path: ['method', 'selection', 'lisa', 'weights'],
    meets: (_, { selection }) =>
      selection.type === 'LISA' &&
      (selection.lisa.weights !== undefined) !== (selection.lisa.sampling === 'Weighted'),
    sentence: 'must be set if sampling is Weighted, and only then',
    hint: 'write sampling: Weighted and one weight for each block of the model, or neither',
  },
  {
    id: 'weights in 8 bits are those that train',
    path: ['method', 'precision', 'bfloat16', 'trainedWeights'],
    meets: (_, { adapter, precision }) =>
      adapter.type !== 'None' &&
      precision.type === 'BFloat16' &&
      precision.bfloat16.trainedWeights === 'Int8',
    sentence:
      'is Int8, which stores trained weights; with an adapter they are frozen, and method.base decides how frozen weights are stored',
    hint: 'leave it out, or write adapter: { type: None }',
  },
  {
    id: 'projected gradients are those of the weights',
    path: ['method', 'optimizer', 'type'],
    meets: (_, { adapter, optimizer }) =>
      adapter.type !== 'None' && projectionOf(optimizer) !== null,
    cel: `${is('adapter', 'None')} || !(${is('optimizer', 'GaLore', 'QGaLore', 'NaturalGaLore')})`,
    sentence:
      'projects the gradients of the matrices of the blocks; with an adapter these are frozen, and the trained matrices already have low rank',
    hint: 'write adapter: { type: None }, or another optimizer such as AdamW8bit',
  },
  {
    id: 'rates of rows are those of matrices of an adapter',
    path: ['method', 'rule', 'type'],
    meets: (_, method) => method.rule.type === 'ALLoRA' && !trainsRows(method),
    cel: `!${is('rule', 'ALLoRA')} || !(${is('adapter', 'None', ...rowless)})`,
    sentence:
      'is ALLoRA, which changes how rows of the matrices of an adapter are updated; method.adapter trains none',
    hint: 'write adapter: { type: LoRA }, or rule: { type: None }',
  },
  {
    id: 'evaluation at intervals needs held-out records',
    path: ['training', 'evaluation', 'intervalSteps'],
    meets: ({ training, dataset }) =>
      training.evaluation.intervalSteps !== undefined &&
      dataset.eval === undefined &&
      dataset.heldOut === undefined,
    cel: `!has(self.training.evaluation.intervalSteps) || ${hasHeldOut}`,
    sentence: 'is set, but the job has no records to evaluate on',
    hint: 'set spec.dataset.heldOut: { samples: 32 }, or spec.dataset.eval',
  },
  {
    id: 'preference data needs an objective of its own',
    code: 'E_NOT_BUILT',
    path: ['dataset', 'format'],
    meets: ({ dataset }) => dataset.format === 'Preference',
    cel: "self.dataset.format != 'Preference'",
    sentence: 'is Preference; this version trains on Text, PromptCompletion, Chat and Tokenized',
  },
  {
    id: 'some strategies are only names so far',
    code: 'E_NOT_BUILT',
    path: ['parallelism', 'strategy'],
    meets: ({ parallelism: { strategy } }) =>
      strategy !== 'Auto' && strategy !== 'FullyShardedDataParallel',
    cel: "self.parallelism.strategy in ['Auto', 'FullyShardedDataParallel']",
    sentence:
      'is a strategy that this version does not implement; it shards weights, gradients and state over all workers',
    hint: 'write Auto or FullyShardedDataParallel',
  },
  {
    id: 'sharing one sequence or product is not built',
    code: 'E_NOT_BUILT',
    path: ['parallelism'],
    meets: ({ parallelism: { tensorSize, pipelineSize, contextSize, expertSize } }) =>
      Math.max(tensorSize, pipelineSize, contextSize, expertSize) > 1,
    cel: 'self.parallelism.tensorSize == 1 && self.parallelism.pipelineSize == 1 && self.parallelism.contextSize == 1 && self.parallelism.expertSize == 1',
    sentence:
      'has a size above 1; this version shares neither products nor sequences between devices',
  },
  {
    id: 'each rank has a sequence of each step',
    where: 'cluster',
    path: ['training'],
    meets: ({ training, dataset, worker }) =>
      sequencesPerStep(training, dataset) < mostRanks(worker),
    cel: `${mostRanksInCel} <= ${sequencesInCel}`,
    sentence:
      'gives a step fewer sequences than there are workers, or devices of all workers; each needs at least one',
    hint: 'use fewer of them, or raise globalBatchSize or globalBatchTokens',
  },
  {
    id: 'TF32 is for devices',
    where: 'cluster',
    path: ['method', 'precision', 'float32', 'products'],
    meets: ({ worker }, { precision }) => usesTf32(precision) && worker.devicesPerWorker === 0,
    cel: `!has(self.method.precision) || !has(self.method.precision.float32) || !has(self.method.precision.float32.products) || self.method.precision.float32.products != 'TF32' || self.worker.devicesPerWorker > 0`,
    sentence: 'is TF32, which processors do not have, and worker.devicesPerWorker is 0',
    hint: 'leave it out, or set spec.worker.devicesPerWorker: 1',
  },
  {
    id: 'images are mounted by a cluster',
    where: 'machine',
    path: ['model', 'source', 'image'],
    meets: ({ model }) => model.source.image !== undefined,
    sentence: 'is a container image, which only a cluster can mount',
    hint: 'use local, persistentVolumeClaim, huggingFace or s3',
  },
  {
    id: 'data in images is mounted by a cluster',
    where: 'machine',
    path: ['dataset', 'train', 'image'],
    meets: ({ dataset }) => dataset.train?.image !== undefined || dataset.eval?.image !== undefined,
    sentence: 'is a container image, which only a cluster can mount',
    hint: 'use local, persistentVolumeClaim, huggingFace or s3',
  },
  {
    id: 'one machine resumes its own runs only',
    where: 'machine',
    code: 'E_NOT_BUILT',
    path: ['checkpoint', 'resumeFrom'],
    meets: ({ checkpoint }) => checkpoint.resumeFrom !== undefined,
    sentence: 'is set; on one machine this version resumes only a run of the same job',
    hint: 'run the same job file again: it resumes from its last checkpoint',
  },
];

/** Whether matrix products may round their operands to TF32. */
function usesTf32(precision: ResolvedMethod['precision']): boolean {
  return precision.type === 'Float32' && precision.float32.products === 'TF32';
}

function mostRanks({ elasticity, replicas, maxReplicas, devicesPerWorker }: Worker): number {
  const most = elasticity === 'None' ? replicas : Math.max(replicas, maxReplicas ?? replicas);
  return most * trainersOfPod(devicesPerWorker);
}

/** All reasons that prevent running this job there. */
export function incompatibilities(spec: FineTuneJobSpec, where: Where): readonly Incompatibility[] {
  const method = resolveMethod(spec.method);
  const met = pairs
    .filter((pair) => (pair.where ?? where) === where && pair.meets(spec, method))
    .map(({ code = 'E_INCOMPATIBLE_METHOD', path, sentence, hint }) =>
      problemAt(['spec', ...path], sentence, code, hint),
    );
  return where === 'cluster' ? [...met, ...clusterRules(spec)] : met;
}

/** The rules of the CRD that a local run does not check. */
function clusterRules(spec: FineTuneJobSpec): readonly Incompatibility[] {
  const { rules } = printedJob();
  return placedRules()
    .filter(({ rule }) => rule.where === 'cluster')
    .flatMap(({ path, rule }) => {
      const keys = path.split('.');
      const value = valueAt({ spec }, keys);
      if (value === undefined || rules.get(rule.id)?.check(value) !== false) return [];
      return [
        problemAt(
          [...keys, ...(rule.path ?? [])],
          rule.message,
          'E_INCOMPATIBLE_METHOD',
          rule.hint,
        ),
      ];
    });
}

function problemAt(
  path: readonly string[],
  sentence: string,
  code: FailureCode,
  hint: string | undefined,
): Incompatibility {
  return { code, path, message: `${path.join('.')} ${sentence}`, hint };
}
