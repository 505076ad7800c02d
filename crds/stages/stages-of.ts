// The stages of a job in their order, from its spec.
import { decomposesWeights, measuresBase } from '../methods/adapter-traits.ts';
import { type ResolvedMethod, resolveMethod } from '../methods/resolve.ts';
import type { Reference, Stage, StagedSpec, StageFacts, StageName, StageRole } from './stage.ts';

export function stagesOf(spec: StagedSpec, facts: StageFacts = {}): readonly Stage[] {
  const { training, dataset, output } = spec;
  const method = resolveMethod(spec.method);
  const trains = training.maxSteps !== 0;
  const made = {
    files: hasRemote(spec),
    teacher: trains && training.distillation !== undefined,
    measurements: trains && measures(method),
    factors: trains && makesFactors(method),
    figures: dataset.eval !== undefined || dataset.heldOut !== undefined,
    answers: training.samples !== undefined,
    integers: output.quantization !== undefined,
    'smaller model': output.pruning !== undefined,
    'whole adapter': facts.isCut === true && trains && method.adapter.type !== 'None',
  };
  const model: Reference = { kind: 'model', ...known(facts.modelDigest) };
  const state: Reference = { kind: 'state', ...known(facts.stateDigest) };
  const records: readonly Reference[] =
    dataset.train === undefined ? [] : [{ kind: 'records', ...known(facts.recordsDigest) }];
  const prepared = [model, ...records];
  const ifMade = (...kinds: readonly (keyof typeof made)[]): readonly Reference[] =>
    kinds.filter((kind) => made[kind]).map((kind) => ({ kind }));
  const stage = (
    run: StageRole,
    name: StageName,
    reads: readonly Reference[],
    writes: readonly Reference[],
  ): readonly Stage[] => (writes.length === 0 ? [] : [{ name, reads, writes, run }]);
  const found = made.files ? ifMade('files') : [{ kind: 'source' } as const];
  return [
    ...stage('prepare', 'fetch', [{ kind: 'source' }], ifMade('files')),
    ...stage('prepare', 'prepare', found, prepared),
    ...stage('train', 'teach', prepared, ifMade('teacher')),
    ...stage('train', 'calibrate', prepared, ifMade('measurements')),
    ...stage('train', 'decompose', [model, ...ifMade('measurements')], ifMade('factors')),
    ...(trains
      ? stage(
          'train',
          'train',
          [...prepared, ...ifMade('teacher', 'measurements', 'factors')],
          [state],
        )
      : stage('train', 'load', [model], [state])),
    ...stage('train', 'evaluate', [state, ...records], ifMade('figures')),
    ...stage('train', 'sample', [state], ifMade('answers')),
    ...stage('publish', 'quantize', [state, ...records], ifMade('integers')),
    ...stage('publish', 'prune', [model], ifMade('smaller model')),
    ...stage('publish', 'recover', [model, state], ifMade('whole adapter')),
    ...stage(
      'publish',
      'publish',
      [state, ...ifMade('figures', 'answers', 'integers', 'smaller model', 'whole adapter')],
      [{ kind: 'result' }],
    ),
  ];
}

/** The processes of the stages, in their order. */
export function processesOf(stages: readonly Stage[]): readonly StageRole[] {
  return [...new Set(stages.map(({ run }) => run))];
}

function known(digest: string | undefined): { readonly digest?: string } {
  return digest === undefined ? {} : { digest };
}

function measures(method: ResolvedMethod): boolean {
  return method.selection.type === 'OwLore' || measuresBase(method);
}

function makesFactors(method: ResolvedMethod): boolean {
  const { base } = method;
  const isCoded = base.type === 'Codebook';
  const isRounded = base.type === 'Integer' && base.integer.calibrationSequences > 0;
  return isCoded || isRounded || decomposesWeights(method);
}

/** Claims, images and folders are where they are read. */
function hasRemote({ model, dataset }: StagedSpec): boolean {
  const sources = [model.source, dataset.train, dataset.eval];
  return sources.some((source) => (source?.huggingFace ?? source?.s3) !== undefined);
}
