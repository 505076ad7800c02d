// README.md of an artefact: what it is, how it was made, and what was measured, all from the
// report.

import { textsOfClasses } from '../../crds/api/class-texts.ts';
import type { Quantization } from '../../crds/api/quantization.ts';
import { evaluationWords } from '../../crds/evaluation/in-words.ts';
import { isAdapterForm } from '../../crds/names/result-folders.ts';
import type { ArtifactEvaluation } from '../../crds/wire/artifact-evaluation.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import { familyOf } from '../decoder/registry.ts';
import type { ArtifactFacts, ArtifactFormat } from './artifact.ts';
import type { WrittenArtifact } from './write-artifacts.ts';

export function modelCard(
  facts: ArtifactFacts,
  format: ArtifactFormat,
  evaluation: ArtifactEvaluation,
): string {
  const { prepared, run } = facts;
  return [
    ...head(facts, libraries[format] ?? 'transformers'),
    `# ${run.name}`,
    '',
    `${openingOf(facts, format)} ${prepared.model.name}, made by Anneal from the job \`${run.name}\`.`,
    '',
    ...(isAdapterForm(format)
      ? [...recoveryNote(facts), ...baseNote(facts), ...namesNote(facts)]
      : []),
    ...(format === 'CompressedTensors' ? codedNote(facts) : []),
    ...(format === 'MergedSafetensors' ? integersNote(facts) : []),
    ...table(facts, [['evaluation', evaluationWords(evaluation)]]),
    '',
    ...evaluation.findings.flatMap(({ message }) => [`${message}.`, '']),
    'The licence of the base model applies. Every figure is in `report.json` of the run.',
    '',
  ].join('\n');
}

/** README.md of a repository with several forms of the result, one in each folder. */
export function repositoryCard(
  facts: ArtifactFacts,
  artifacts: readonly Pick<WrittenArtifact, 'folder' | 'format' | 'reported'>[],
): string {
  const { prepared, run } = facts;
  const { name } = prepared.model;
  return [
    ...head(facts, 'transformers'),
    `# ${run.name}`,
    '',
    `Made by Anneal from the job \`${run.name}\`, in ${artifacts.length} forms:`,
    '',
    ...artifacts.map(
      ({ folder, format }) => `- \`${folder}/\`: ${inSentence(openingOf(facts, format))} ${name}`,
    ),
    '',
    ...table(
      facts,
      artifacts.map(({ folder, reported: { evaluation } }) => [
        `evaluation of \`${folder}/\``,
        evaluationWords(evaluation),
      ]),
    ),
    '',
    'The licence of the base model applies.',
    '',
  ].join('\n');
}

/** An adapter of a quantised base was not trained on the base of the files. */
function baseNote({ method: { base } }: ArtifactFacts): readonly string[] {
  if (base.type === 'Dense') return [];
  const trained = `It was trained on the base in ${base.type}; on the dense base its answers differ by the quantization error.`;
  if (base.type !== 'NF4' || base.nf4.blockSize !== 64) return [trained, ''];
  const double = base.nf4.scales === 'DoubleQuantized' ? 'True' : 'False';
  return [
    trained,
    'transformers builds the same base with ' +
      `\`BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=${double})\`.`,
    '',
  ];
}

/** Versions of transformers call layers of vision transformers differently, and PEFT as they do. */
function namesNote({ files }: ArtifactFacts): readonly string[] {
  const { kind, family } = files.config;
  const isRenamed = kind === 'vision' || kind === 'tracking';
  if (!isRenamed && family !== 'vision-text-dual-encoder') return [];
  return ['Its layers have the names of transformers 5, which older versions do not know.', ''];
}

function recoveryNote({ cut }: ArtifactFacts): readonly string[] {
  if (!cut) return [];
  return [
    'It was trained on a pruned copy of that model, and is for the whole: where the copy has nothing, it is zero.',
    '',
  ];
}

/** Integers whose branch is left out are another model. */
function codedNote({ run, files }: ArtifactFacts): readonly string[] {
  const { quantization: own } = run.spec.output;
  if (files.config.kind === 'diffusion' && own !== undefined) return pipelineNote(own);
  if ((own?.lowRank ?? 0) === 0) return [];
  return [
    'The PEFT adapter in `low-rank/` is a part of this model: load it with ' +
      '`PeftModel.from_pretrained(model, "low-rank")`, on a model that was loaded with ' +
      '`CompressedTensorsConfig(dequantize=True)`.',
    '',
  ];
}

/** Of a pipeline that was quantized after training. */
function pipelineNote({ bits, lowRank, activations }: Quantization): readonly string[] {
  const added = lowRank === 0 ? '' : ' and the factors in `low-rank/`';
  const rounded = `\`integers/config.json\` says how inputs of layers are rounded, to ${activations}, which diffusers does not do: without it its pictures are those of the weights alone.`;
  return [
    `Weights of the blocks are ${bits}-bit integers in \`integers/\`, packed, with their scales. \`transformer/\` has what these${added} stand for, as diffusers loads it.`,
    '',
    ...(activations === 'None' ? [] : [rounded, '']),
  ];
}

/** Of a pipeline that was trained in few bits. */
function integersNote({ method: { base }, files }: ArtifactFacts): readonly string[] {
  if (files.config.kind !== 'diffusion' || base.type !== 'FakeQuantized') return [];
  const { bits, inputs } = base.fakeQuantized;
  const rounded =
    inputs === undefined
      ? []
      : [
          `It was trained with inputs of linear layers in ${inputs.bits} bits, which diffusers does not round: \`integers/\` has a scale and a zero point for each layer and each of ${inputs.steps} parts of the denoising steps, first to last. Without them its pictures are those of the weights alone.`,
          '',
        ];
  return [
    `Weights of the blocks are values of ${bits}-bit integers. \`integers/\` has these integers, packed, with their scales; \`transformer/\` has what they stand for.`,
    '',
    ...rounded,
  ];
}

function head({ prepared, files }: ArtifactFacts, library: string): readonly string[] {
  const { pipelineTag: tag } = familyOf(files.config);
  return [
    '---',
    `base_model: ${prepared.model.name}`,
    `library_name: ${library}`,
    ...(tag === undefined ? [] : [`pipeline_tag: ${tag}`]),
    '---',
    '',
  ];
}

type Rows = readonly (readonly [name: string, value: string])[];

function table({ prepared, report, run }: ArtifactFacts, evaluations: Rows): readonly string[] {
  const { training, evaluation, dataset, result } = report;
  const published = result?.choice === 'Best' ? evaluation.best : evaluation.after;
  const rows: Rows = [
    ['method', report.job.summary],
    ...(training.totalSteps === 0 ? [] : trainedRows(training)),
    ...(run.spec.dataset.train === undefined
      ? [['records', withoutRecords(run.spec)] as const]
      : recordRows(dataset, evaluation.before, published, training.totalSteps)),
    ...wordRows(evaluation.before, published),
    ...(run.spec.dataset.labels === undefined
      ? []
      : classRows(run.spec, evaluation.before, published)),
    ...(result === undefined ? [] : [['state', result.why] as const]),
    ['base digest', prepared.model.digest],
    ['data digest', prepared.data.digest],
    ['job digest', run.digest],
    ...evaluations,
  ];
  return ['| | |', '| --- | --- |', ...rows.map(([name, value]) => `| ${name} | ${value} |`)];
}

function withoutRecords({ training }: ArtifactFacts['run']['spec']): string {
  return training.trajectory === undefined
    ? 'none'
    : 'none: it learned along trajectories of its base';
}

function recordRows(
  dataset: RunReport['dataset'],
  before: Evaluated,
  published: Evaluated,
  totalSteps: number,
): Rows {
  const { samples, heldOutSamples } = dataset;
  return [
    ['records', `${samples.toLocaleString('en')}, ${heldOutSamples} of them held out`],
    ...(totalSteps === 0
      ? [['held-out loss', loss(before?.loss)] as const]
      : lossRows(before, published)),
  ];
}

function trainedRows({ steps, totalSteps, tokensSeen }: RunReport['training']): Rows {
  return [
    ['steps', `${steps} of ${totalSteps}`],
    ['tokens seen', tokensSeen.toLocaleString('en')],
  ];
}

type Evaluated = RunReport['evaluation']['after'];

function lossRows(before: Evaluated, published: Evaluated): Rows {
  return [
    ['held-out loss before', loss(before?.loss)],
    ['held-out loss after', loss(published?.loss)],
  ];
}

function wordRows(before: Evaluated, published: Evaluated): Rows {
  const [first, last] = [before?.wordErrors, published?.wordErrors];
  if (first === undefined || last === undefined) return [];
  const rate = (one: typeof first) => share(one.errors / one.words);
  return [['word error rate', `${rate(first)} before, ${rate(last)} after`]];
}

function classRows(
  { dataset, model }: ArtifactFacts['run']['spec'],
  before: Evaluated,
  published: Evaluated,
): Rows {
  const { labels = [] } = dataset;
  const isCompared = model.task === 'ContrastiveImageText';
  const first = `${share(before?.accuracy)} before${isCompared ? ' (zero-shot)' : ''}`;
  return [
    ['classes', labels.map((name, id) => `${id} ${name}`).join(', ')],
    ...(isCompared ? [['texts', textsOfClasses(dataset).join(', ')] as const] : []),
    ['held-out accuracy', `${first}, ${share(published?.accuracy)} after`],
  ];
}

function share(value: number | null | undefined): string {
  return value === null || value === undefined ? 'not measured' : `${(100 * value).toFixed(1)} %`;
}

const libraries: { readonly [Format in ArtifactFormat]?: string } = {
  PEFTAdapter: 'peft',
  GGUFAdapter: 'gguf',
  UniformPEFTAdapter: 'peft',
  MixLoRA: 'mixlora',
  KaSA: 'peft',
};

const opening = {
  PEFTAdapter: 'An adapter for',
  GGUFAdapter: 'An adapter, in GGUF form, for',
  UniformPEFTAdapter: 'An adapter of one rank for',
  MergedSafetensors: 'A fine-tuned copy of',
  GGUF: 'A fine-tuned copy, in GGUF form, of',
  MixLoRA: 'A mixture of LoRA experts for',
  KaSA: 'An adapter, in the form of KaSA, for',
  CompressedTensors:
    'A fine-tuned copy, its linear layers as integers with scales (compressed-tensors), of',
  GPTQ: 'A fine-tuned copy, its linear layers as integers with scales (GPTQ), of',
  AWQ: 'A fine-tuned copy, its linear layers as integers with scales (AWQ), of',
  AQLM: 'A fine-tuned copy, its linear layers as codes into codebooks (AQLM), of',
} as const;

function openingOf({ report, run }: ArtifactFacts, format: ArtifactFormat): string {
  if (run.spec.output.pruning !== undefined) return 'A pruned copy of';
  const isBase = report.training.totalSteps === 0;
  return isBase ? opening[format].replace('A fine-tuned copy', 'A copy') : opening[format];
}

function loss(value: number | null | undefined): string {
  return value === null || value === undefined ? 'not measured' : value.toFixed(4);
}

function inSentence(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
